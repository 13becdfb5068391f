//! The rules are functions of values: nothing in `src/domain` may reach for the world.

use std::path::{Path, PathBuf};

/// Crates and modules that do IO or serve it.
const WORLD: [&str; 18] = [
    "tokio",
    "tokio_util",
    "http",
    "http_body_util",
    "axum",
    "tower",
    "sqlx",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "governor",
    "tracing",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::io",
];

#[test]
fn the_domain_imports_no_io() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = sources(&root.join("domain"));
    files.push(root.join("domain.rs"));
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().map(str::trim) {
            let found = WORLD.iter().find(|name| names(line, name));
            assert_eq!(found, None, "{}: {line}", file.display());
            let own = line.split("crate::").skip(1);
            let foreign = own.filter(|path| !path.starts_with("domain"));
            assert_eq!(foreign.count(), 0, "{}: {line}", file.display());
        }
    }
}

/// Whether a line of code, no comment, has a path that starts with `name`.
fn names(line: &str, name: &str) -> bool {
    let path = format!("{name}::");
    let whole = format!("use {name};");
    let is_start =
        |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c));
    let mut found = line.match_indices(&path).map(|(at, _)| at);
    !line.starts_with("//") && (line.contains(&whole) || found.any(is_start))
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn an_import_is_found_and_a_comment_is_not() {
    assert!(names("use tokio::net::TcpStream;", "tokio"));
    assert!(names("let now = std::fs::read(path);", "std::fs"));
    assert!(names("use http;", "http"));
    assert!(!names("// tokio::spawn is elsewhere", "tokio"));
    assert!(!names("my_http::get()", "http"));
}
