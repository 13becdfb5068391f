//! What happens to a gateway in operation, done to the real binary: stops and rolling restarts under
//! load, more than it can take, thousands of streams that say nothing, floods.

mod caller;
mod descriptors;
pub mod figures;
mod floods;
mod frames;
mod idle_streams;
mod overload;
mod plain;
mod rolling;
mod soak;
mod stop;

/// Says how it went, for whoever runs the long counts.
#[expect(clippy::print_stdout, reason = "figures are for people")]
pub fn report(figures: &str) {
    println!("{figures}");
}
