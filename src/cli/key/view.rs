//! Keys as they are printed.

use serde::Serialize;

use super::standing::{BudgetState, QuotaState};
use crate::cli::limit_flags::summary;
use crate::cli::model_list;
use crate::cli::print::Row;
use crate::cli::session::Session;
use crate::domain::key::PlainKey;
use crate::domain::limits::Limits;
use crate::domain::tenant::{KeyId, KeyStatus, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::keys::{Key, PreviousSecret};

/// A key without its secret.
#[derive(Serialize)]
pub(super) struct View {
    id: KeyId,
    name: String,
    display: String,
    status: KeyStatus,
    project_id: ProjectId,
    models: Option<Vec<String>>,
    expires_at: Option<Timestamp>,
    limits: Limits,
    quota_state: Option<QuotaState>,
    budget_state: Option<BudgetState>,
    created_at: Timestamp,
    version: i64,
    previous_secret: Option<PreviousView>,
}

#[derive(Serialize)]
struct PreviousView {
    display: String,
    grace_until: Timestamp,
    calls_since_rotation: i64,
}

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
        let now = session.now();
        let previous = key.previous.filter(|secret| secret.grace_until > now);
        Ok(Self {
            id: key.id,
            name: key.name,
            display: key.display,
            status: key.status,
            project_id: key.project_id,
            models: key.models,
            expires_at: key.expires_at,
            quota_state: QuotaState::read(session, key.id, &key.limits, now).await?,
            budget_state: BudgetState::read(session, key.id, &key.limits, now).await?,
            limits: key.limits,
            created_at: key.created_at,
            version: key.version,
            previous_secret: previous.map(PreviousView::from),
        })
    }

    pub(super) fn print(&self, session: &Session) -> anyhow::Result<()> {
        session.printer.answer(self, || self.text())
    }

    fn text(&self) -> String {
        let quota = self.quota_state.as_ref();
        let quota = quota.map(|state| format!("\n  used     {} tokens", state.used));
        let budget = self.budget_state.as_ref();
        let budget = budget.map(|state| format!("\n  spent    {} USD", state.used_usd));
        format!(
            "Key {name} ({id})\n  shown as {display}\n  status   {status}\n  models   {models}\n  \
             limits   {limits}{quota}{budget}\n  expires  {expires}",
            name = self.name,
            id = self.id,
            display = self.display,
            status = self.status(),
            models = model_list::summary(self.models.as_deref()),
            limits = summary(&self.limits),
            quota = quota.unwrap_or_default(),
            budget = budget.unwrap_or_default(),
            expires = self.expires(),
        )
    }

    fn status(&self) -> &'static str {
        match self.status {
            KeyStatus::Active => "active",
            KeyStatus::Disabled => "disabled",
        }
    }

    fn expires(&self) -> String {
        self.expires_at
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
            let old = self.view.previous_secret.as_ref();
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

impl From<PreviousSecret> for PreviousView {
    fn from(secret: PreviousSecret) -> Self {
        Self {
            display: secret.display,
            grace_until: secret.grace_until,
            calls_since_rotation: secret.calls,
        }
    }
}

impl Row for View {
    const HEADER: &'static [&'static str] =
        &["id", "name", "key", "status", "models", "limits", "expires"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.display.clone(),
            self.status().to_owned(),
            model_list::summary(self.models.as_deref()),
            summary(&self.limits),
            self.expires(),
        ]
    }
}
