//! The `tollgate` binary: arguments, then configuration, log and command, then the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate::cli::run(std::env::args_os())
}
