//! What the pages say is so: what they list is what there is.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What is in backticks in the first column of the tables under `heading`.
fn first_column(page: &str, heading: &str) -> BTreeSet<String> {
    let text = read(page);
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap();
    let level = heading.split(' ').next().unwrap();
    let section = section.split(&format!("\n{level} ")).next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split(" | ").next().unwrap());
    cells
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

/// The names in a table of `Cargo.toml`.
fn manifest(table: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let names = manifest[table].as_table().unwrap().keys();
    names.cloned().collect()
}

#[test]
fn every_dependency_has_its_reason() {
    let page = "docs/development.md";
    let listed = first_column(page, "### What is shipped");
    assert_eq!(listed, manifest("dependencies"));
    let count = format!("{} direct dependencies", listed.len());
    assert!(read(page).contains(&count), "{count}");
    let of_tests = &manifest("dev-dependencies") - &listed;
    assert_eq!(first_column(page, "### What only tests use"), of_tests);
}

#[test]
fn there_are_not_more_crates_than_the_page_says() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let count = lock["package"].as_array().unwrap().len();
    let page = read("docs/development.md");
    let (before, _) = page.split_once(" crates at most").unwrap();
    let most: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count <= most, "{count} crates");
    assert!(count + 25 > most, "only {count} crates");
}

#[test]
fn every_key_of_the_configuration_stands_on_its_page_as_it_is() {
    let page = read("docs/configuration.md");
    for file in ["config/default.toml", "config/example.toml"] {
        assert!(
            page.contains(&format!("\n```toml\n{}```\n", read(file))),
            "copy {file} into docs/configuration.md"
        );
    }
}

#[test]
fn every_code_of_a_refusal_has_its_remedy() {
    let listed = first_column("docs/troubleshooting.md", "## Codes");
    let table = read("src/gateway/refusal/table.rs");
    let (table, _) = table.split_once("#[cfg(test)]").unwrap();
    let rows = table.split("Row::new(").skip(1);
    let rows = rows.map(|row| row.split(')').next().unwrap());
    let codes: BTreeSet<String> = rows
        .filter_map(|row| row.rsplit('"').nth(1))
        .map(ToOwned::to_owned)
        .collect();
    assert!(codes.len() > 25, "{codes:?}");
    assert_eq!(listed, codes);
}

/// Pages link to each other, to headings and to files.
#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = std::fs::read_dir(root.join("docs")).unwrap();
    let pages = pages.map(|page| page.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
    let others = ["README.md", "SECURITY.md", "CHANGELOG.md"];
    for page in pages.chain(others.map(|page| root.join(page))) {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1);
        for link in links.map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            let file = link.split('#').next().unwrap();
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{} links to {link}", page.display());
        }
    }
}
