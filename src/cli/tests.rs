//! The commands as they are typed.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["tollgate"].into_iter().chain(line.split_whitespace()))
}

#[test]
fn the_commands_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn global_flags_stand_anywhere() {
    for line in [
        "--output json --data-dir d --config a --config b org list",
        "org list --output json --data-dir d --config a --config b",
        "org --config a --config b --data-dir d list --output json",
    ] {
        let cli = parse(line).unwrap();
        assert_eq!(cli.global.output, Output::Json, "{line}");
        assert_eq!(cli.global.data_dir, Some(PathBuf::from("d")), "{line}");
        assert_eq!(cli.global.config.len(), 2, "{line}");
    }
}

#[test]
fn every_documented_command_is_understood() {
    for line in [
        "serve --config f",
        "dev --data-dir d",
        "migrate",
        "config check",
        "config show",
        "org create Acme --quota 5 --quota-period month --rpm 1 --tpm 2 --rpd 3 --concurrency 4",
        "org update Acme --name B --status suspended --quota none",
        "project create --org A --name N --models a,b*",
        "project list --org A",
        "project update P --org A --models all",
        "project delete P --org A",
        "key create --org A --name N --project P --models a,b* --expires 30d",
        "key list --org A",
        "key update 01990000-0000-7000-8000-000000000000 --expires none --rpm none",
        "key disable 01990000-0000-7000-8000-000000000000",
        "key enable 01990000-0000-7000-8000-000000000000",
        "key delete 01990000-0000-7000-8000-000000000000",
        "key rotate 01990000-0000-7000-8000-000000000000 --grace 1h",
        "usage --org A --from 2026-12-01 --to 2026-12-02T00:00:00Z --by day,key --csv",
        "calls --org A --key 01990000-0000-7000-8000-000000000000 --csv",
        "healthcheck",
        "completions bash",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        "",
        "key create --org A",
        "key update not-an-id",
        "key create --org A --name N --expires soon",
        "key create --org A --name N --models none",
        "usage --org A --by year",
        "org update A --status gone",
        "--output yaml org list",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}
