//! The layers, their order, and what is refused.

use super::*;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

mod layers;
mod refusals;
mod secrets;

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Loads `files` (their texts) under `variables`.
fn load(files: &[&str], variables: Variables<'_>) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    let write = |(at, text): (usize, &&str)| {
        let path = dir.path().join(format!("{at}.toml"));
        fs::write(&path, text).unwrap();
        path
    };
    let files: Vec<PathBuf> = files.iter().enumerate().map(write).collect();
    let pairs = variables.iter();
    let sources = Sources {
        files: &files,
        environment: pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        data_dir: None,
    };
    Config::load(sources).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(files: &[&str], variables: Variables<'_>) -> String {
    let message = load(files, variables).unwrap_err();
    assert!(!message.contains('\n'), "{message}");
    message
}

fn provider(lines: &str) -> String {
    format!(
        "[[providers]]\nname = \"p\"\n\
         base_url = \"https://p.example/v1\"\nmodels = [\"*\"]\n{lines}\n"
    )
}

fn model(lines: &str) -> String {
    provider(&format!(
        "[[models]]\nname = \"m\"\nprovider = \"p\"\nmax_output_tokens = 1\n{lines}"
    ))
}
