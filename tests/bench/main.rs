//! The load benchmark: what a call costs through the gateway, beside nginx and a bare
//! relay, with the same provider and the same load. One binary plays every role; without
//! a role it runs the whole comparison. See README.md in this folder.

#![expect(
    clippy::disallowed_methods,
    reason = "the roles are killed: there is no shutdown that spawned tasks could miss"
)]

mod calls;
mod compare;
mod figures;
mod gateway;
mod load;
mod measure;
mod nginx;
mod process;
mod provider;
mod proxy;
mod report;
mod target;
mod wire;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "load",
    about = "Compares the gateway's cost with nginx and a bare relay"
)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    plan: compare::Plan,
    /// Added by `cargo bench`; without it nothing is measured
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Role {
    /// Answers like a provider, and counts
    Provider(provider::Options),
    /// Relays bytes and checks nothing
    Proxy(proxy::Options),
    /// Calls one address as fast as it answers and prints JSON
    Load(load::Options),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.role {
        Some(Role::Provider(options)) => provider::run(&options),
        Some(Role::Proxy(options)) => proxy::run(&options),
        Some(Role::Load(options)) => load::run(&options),
        None if cli.bench => compare::run(&cli.plan),
        // `cargo test --all-targets` starts benches too; it asks for no figures.
        None => Ok(()),
    }
}
