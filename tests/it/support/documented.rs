//! Commands as a page of the documentation has them, run as they stand there.

use std::path::Path;
use std::process::Command;

use super::running::output;

/// The first commands under `heading` of a page under `docs`.
pub fn commands(page: &str, heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text
        .split_once(&format!("# {heading}\n"))
        .unwrap_or_else(|| panic!("{page} has no heading {heading:?}"));
    let (_, block) = section.split_once("\n```sh\n").unwrap();
    let (commands, _) = block.split_once("\n```\n").unwrap();
    commands.to_owned()
}

/// Runs them in `directory`, for the database at `url`; fails if one of them fails.
#[track_caller]
pub fn run(page: &str, heading: &str, directory: &Path, url: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-euc", &commands(page, heading)]);
    let ended = output(shell.current_dir(directory).env("DATABASE_URL", url));
    let ended = ended.expect("the commands end");
    assert!(ended.status.success(), "{heading}: {ended:?}");
}
