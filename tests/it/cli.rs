//! The commands as scripts run them: the real binary on a data directory of its own.

mod canaries;
mod config;
mod dev;
mod failures;
mod keys;
mod ledger;
mod migrate;
mod quick_start;
mod serve;
mod supervised;
mod tenants;
mod usage;
mod users;

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::running::output;

/// A data directory, and the binary on it with an empty environment.
struct Installation {
    directory: TempDir,
}

impl Installation {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { directory }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env_clear().current_dir(self.directory.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        output(self.command().args(arguments)).expect("the command ends")
    }

    /// What a command that works prints.
    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert_eq!(errors, "", "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--output", "json"]].concat());
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The one line of a command that fails with `code`.
    #[track_caller]
    fn failure(&self, code: i32, arguments: &[&str]) -> String {
        failed(code, &self.run(arguments))
    }

    /// A new organisation's id.
    fn organisation(&self, name: &str) -> String {
        id(&self.json(&["org", "create", name]))
    }
}

#[track_caller]
fn failed(code: i32, output: &Output) -> String {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert_eq!(output.stdout, b"", "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("tollgate: "), "{line}");
    line
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}
