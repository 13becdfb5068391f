//! The `tollgate` binary: arguments, then configuration, log and command, then the exit code.

use std::process::ExitCode;

/// A call allocates about a hundred small things; see docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run(std::env::args_os())
}
