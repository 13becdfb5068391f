//! What each page shows, as plain data for its template. Whoever answers a request fills one in
//! and renders it; nothing here asks for anything.

mod account;
mod audit;
mod confirm;
mod door;
mod error;
mod key;
mod key_form;
mod key_secret;
mod keys;
mod members;
mod operator;
mod overview;
mod projects;
mod settings;
mod tokens;
mod usage;

pub use account::{AccountPage, SessionRow};
pub use audit::{AuditPage, AuditRow};
pub use confirm::ConfirmPage;
pub use door::{Door, DoorPage};
pub use error::ErrorPage;
pub use key::{
    CallRow, CallsTab, KeyHead, KeyPage, KeyTab, LimitsTab, PreviousSecret, RateRow, RefusalRow,
    Refusals, SettingsTab, UsageTab,
};
pub use key_form::KeyFormPage;
pub use key_secret::SecretPage;
pub use keys::{KeyRow, KeysPage};
pub use members::{InvitationRow, MemberRow, MembersPage};
pub use operator::{
    ModelRow, OrganisationFormPage, OrganisationRow, OrganisationsPage, ProviderCard, ProvidersPage,
};
pub use overview::{NearQuota, OverviewPage};
pub use projects::{ProjectFormPage, ProjectRow, ProjectsPage};
pub use settings::SettingsPage;
pub use tokens::{TokenRow, TokensPage};
pub use usage::{UsagePage, UsageRow};
