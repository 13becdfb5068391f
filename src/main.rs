//! The `tollgate` binary: arguments, then the command.
fn main() {}
