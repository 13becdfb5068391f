//! Keys as they are printed.

use anyhow::Context;
use serde::Serialize;

use crate::cli::limit_flags::summary;
use crate::cli::model_list;
use crate::cli::print::Row;
use crate::cli::session::Session;
use crate::domain::key::PlainKey;
use crate::domain::tenant::{KeyId, KeyStatus};
use crate::management::keys::KeyView;
use crate::store::keys::Key;

/// A key without its secret, the same as the management API shows.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct View(KeyView);

/// A key with a secret that is printed this once.
#[derive(Serialize)]
pub(super) struct Created<'a> {
    secret: &'a str,
    #[serde(flatten)]
    view: View,
}

/// The answer to a deletion.
#[derive(Serialize)]
pub(super) struct Deleted {
    id: KeyId,
    deleted: bool,
}

impl View {
    pub(super) async fn of(session: &Session, key: Key) -> anyhow::Result<Self> {
        let mut views = Self::all(session, vec![key]).await?;
        views.pop().context("the key cannot be shown")
    }

    pub(super) async fn all(session: &Session, keys: Vec<Key>) -> anyhow::Result<Vec<Self>> {
        let views = KeyView::all(&session.db, keys, session.now()).await?;
        Ok(views.into_iter().map(Self).collect())
    }

    pub(super) fn print(&self, session: &Session) -> anyhow::Result<()> {
        session.printer.answer(self, || self.text())
    }

    fn text(&self) -> String {
        let key = &self.0;
        let quota = key.quota_state.as_ref();
        let quota = quota.map(|state| format!("\n  used     {} tokens", state.used));
        let budget = key.budget_state.as_ref();
        let budget = budget.map(|state| format!("\n  spent    {} USD", state.used_usd));
        format!(
            "Key {name} ({id})\n  shown as {display}\n  status   {status}\n  models   {models}\n  \
             limits   {limits}{quota}{budget}\n  expires  {expires}",
            name = key.name,
            id = key.id,
            display = key.display,
            status = self.status(),
            models = model_list::summary(key.models.as_deref()),
            limits = summary(&key.limits),
            quota = quota.unwrap_or_default(),
            budget = budget.unwrap_or_default(),
            expires = self.expires(),
        )
    }

    fn status(&self) -> &'static str {
        match self.0.status {
            KeyStatus::Active => "active",
            KeyStatus::Disabled => "disabled",
        }
    }

    fn expires(&self) -> String {
        self.0
            .expires_at
            .map_or_else(|| "never".to_owned(), |time| time.to_string())
    }
}

impl<'a> Created<'a> {
    pub(super) async fn of(
        session: &Session,
        key: Key,
        secret: &'a PlainKey,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            secret: secret.expose(),
            view: View::of(session, key).await?,
        })
    }

    pub(super) fn print(&self, session: &Session) -> anyhow::Result<()> {
        session.printer.answer(self, || {
            let old = self.view.0.previous_secret.as_ref();
            let old = old.map(|old| format!("\nThe old secret works until {}.", old.grace_until));
            format!(
                "{}\n  secret   {}\nKeep the secret: it is shown this once.{}",
                self.view.text(),
                self.secret,
                old.unwrap_or_default()
            )
        })
    }
}

impl Deleted {
    pub(super) fn new(id: KeyId) -> Self {
        Self { id, deleted: true }
    }
}

impl Row for View {
    const HEADER: &'static [&'static str] =
        &["id", "name", "key", "status", "models", "limits", "expires"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.0.id.to_string(),
            self.0.name.clone(),
            self.0.display.clone(),
            self.status().to_owned(),
            model_list::summary(self.0.models.as_deref()),
            summary(&self.0.limits),
            self.expires(),
        ]
    }
}
