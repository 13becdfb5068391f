//! `tollgate migrate`: opening the database applies what is pending, so there is only an answer.

use serde::Serialize;

use super::session::Session;

#[derive(Serialize)]
struct Migrated {
    migrated: bool,
}

pub(super) fn report(session: &Session) -> anyhow::Result<()> {
    let answer = Migrated { migrated: true };
    session
        .printer
        .answer(&answer, || "The database is up to date.".to_owned())
}
