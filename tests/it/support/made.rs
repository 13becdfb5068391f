//! Keys and projects of organisations that a test makes, whoever's they are.

use tollgate::domain::audit::{Act, Author};
use tollgate::domain::key::PlainKey;
use tollgate::domain::limits::Limits;
use tollgate::domain::tenant::{OrganisationId, ProjectId};
use tollgate::domain::time::Clock;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::{self, Key, NewKey};
use tollgate::store::projects;
use uuid::Uuid;

use super::app::TestApp;
use super::people::Person;

impl TestApp {
    /// A key of `owner`, or of the command line, and its secret.
    pub async fn key_of(
        &self,
        organisation: OrganisationId,
        owner: Option<&Person>,
    ) -> (Key, String) {
        let plain = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
        let new = NewKey {
            organisation_id: organisation,
            project_id: None,
            name: "made".to_owned(),
            models: None,
            limits: Limits::default(),
            expires_at: None,
        };
        let mut act = Act::from(Clock::default().now());
        if let Some(owner) = owner {
            act.author = Author::User {
                id: owner.id,
                email: owner.email.clone(),
            };
        }
        let made = keys::create(self.db(), new, &plain.hash(), &plain.display(), act).await;
        (made.unwrap(), plain.expose().to_owned())
    }

    /// A project without keys.
    pub async fn project_of(&self, organisation: OrganisationId) -> ProjectId {
        let (limits, now) = (Limits::default(), Clock::default().now());
        let name = Uuid::now_v7().to_string();
        let made = projects::create(self.db(), organisation, &name, &limits, None, now).await;
        made.unwrap().id
    }

    /// Books calls that were never made.
    pub async fn book(&self, events: &[Event<'_>]) {
        events::book(self.db(), Batch::of(events)).await.unwrap();
    }
}
