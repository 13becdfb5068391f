//! One key: who it is at the top, and below it one of five looks at it.

use askama::Template;

use crate::dashboard::components::{
    Chart, Chip, Conflict, Dialog, Field, Filters, Icon, KeyBadge, LimitFields, ModelPicker, Pager,
    Pill, QuotaBar, Stat, Time, Unit,
};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};

/// A key's page.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/key.html")]
pub struct KeyPage {
    /// Around it.
    pub frame: Frame,
    /// Who it is.
    pub head: KeyHead,
    /// What is looked at.
    pub tab: KeyTab,
    /// Questions that its buttons ask.
    pub dialogs: Vec<Dialog>,
}

/// Who a key is.
#[derive(Clone, Debug)]
pub struct KeyHead {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The key.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// What it looks like, and its state.
    pub key: KeyBadge,
    /// It works.
    pub is_active: bool,
    /// The viewer may change it.
    pub can_write: bool,
    /// Its project, and what that is called.
    pub project: (ProjectId, String),
    /// Who made it, and when.
    pub created: (String, Time),
    /// When it last called.
    pub last_used: Option<Time>,
    /// Where its quota or budget stands.
    pub quota: Option<QuotaBar>,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// The secret before this one, while it works.
    pub previous: Option<PreviousSecret>,
}

/// A secret that was rotated away and still works.
#[derive(Clone, Debug)]
pub struct PreviousSecret {
    /// What it looks like.
    pub display: String,
    /// When it stops.
    pub until: Time,
    /// How many calls used it since the rotation, such as `3 calls`.
    pub calls: String,
}

/// What is looked at.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each holds what its own type describes")]
#[expect(clippy::large_enum_variant, reason = "one is made per page")]
pub enum KeyTab {
    Usage(UsageTab),
    Limits(LimitsTab),
    Calls(CallsTab),
    Refusals(Refusals),
    Settings(SettingsTab),
}

/// What a key used.
#[derive(Clone, Debug)]
pub struct UsageTab {
    /// Spans of time to look at.
    pub ranges: Vec<Chip>,
    /// The first and the last day of one's own span.
    pub days: (Field, Field),
    /// Requests, tokens, cost, errors.
    pub stats: Vec<Stat>,
    /// Tokens, requests or cost.
    pub measures: Vec<Chip>,
    /// By model.
    pub chart: Chart,
    /// How much of it the provider reported, and how much was estimated, in words.
    pub sources: Vec<(&'static str, String)>,
}

/// Where a key stands with its limits.
#[derive(Clone, Debug)]
pub struct LimitsTab {
    /// Quotas and budgets: its own, its project's, its organisation's.
    pub budgets: Vec<QuotaBar>,
    /// The others.
    pub rates: Vec<RateRow>,
}

/// A limit over a minute, a day or at once.
#[derive(Clone, Debug)]
pub struct RateRow {
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub scope: &'static str,
    /// What it allows.
    pub limit: String,
    /// What is left now.
    pub remaining: String,
    /// When all of it is there again.
    pub full_at: Option<Time>,
}

/// What a key called.
#[derive(Clone, Debug)]
pub struct CallsTab {
    /// By model, status and time.
    pub filters: Filters,
    /// Latest first.
    pub rows: Vec<CallRow>,
    /// To the others.
    pub pager: Pager,
    /// Not all of them are asked for.
    pub is_narrowed: bool,
}

/// One call.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// When.
    pub at: Time,
    /// The model that was asked for.
    pub model: String,
    /// How it ended.
    pub status: Pill,
    /// Where its numbers come from, such as `reported`.
    pub source: Pill,
    /// Tokens in.
    pub input: String,
    /// Tokens out.
    pub output: String,
    /// What it cost.
    pub cost: String,
    /// How long it took.
    pub duration: String,
    /// Its `x-request-id`.
    pub id: String,
}

/// What was refused.
#[derive(Clone, Debug)]
pub struct Refusals {
    /// Latest first.
    pub rows: Vec<RefusalRow>,
    /// To the others.
    pub pager: Pager,
}

/// A call that was refused, and why.
#[derive(Clone, Debug)]
pub struct RefusalRow {
    /// When.
    pub at: Time,
    /// The code that the client saw.
    pub code: String,
    /// The key's page and name, where it is not the key's own page.
    pub key: Option<(String, String)>,
    /// What happened, in a sentence.
    pub reason: String,
    /// The limit that stood in the way and what it allows.
    pub rule: Option<(String, String)>,
    /// When there is room again.
    pub frees_at: Option<Time>,
    /// What must happen where no time can be told.
    pub otherwise: &'static str,
    /// Its `x-request-id`.
    pub request_id: String,
}

/// A key's form.
#[derive(Clone, Debug)]
pub struct SettingsTab {
    /// What it is called.
    pub name: Field,
    /// Where it belongs.
    pub project: Field,
    /// The day it ends.
    pub expiry: Field,
    /// What it may use.
    pub limits: LimitFields,
    /// What it may call.
    pub models: ModelPicker,
    /// Which state of the key was edited; another one is refused.
    pub version: i64,
    /// What to do where someone else was faster.
    pub conflict: Option<Conflict>,
}

impl KeyHead {
    /// What its bar is of.
    fn quota_name(&self) -> &'static str {
        let unit = self.quota.as_ref().map(|quota| quota.unit);
        if unit == Some(Unit::Usd) {
            "Budget"
        } else {
            "Quota"
        }
    }
}

impl KeyPage {
    /// The looks: name, address, whether it is this one.
    fn tabs(&self) -> [(&'static str, String, bool); 5] {
        let (org, key, tab) = (self.head.organisation, self.head.id, &self.tab);
        [
            (
                "Usage",
                paths::key(org, key),
                matches!(tab, KeyTab::Usage(_)),
            ),
            (
                "Limits",
                paths::key_limits(org, key),
                matches!(tab, KeyTab::Limits(_)),
            ),
            (
                "Calls",
                paths::key_calls(org, key),
                matches!(tab, KeyTab::Calls(_)),
            ),
            (
                "Refusals",
                paths::key_refusals(org, key),
                matches!(tab, KeyTab::Refusals(_)),
            ),
            (
                "Settings",
                paths::key_settings(org, key),
                matches!(tab, KeyTab::Settings(_)),
            ),
        ]
    }
}
