//! Who looks at a page, proved by the session's cookie, and the frame around what they see.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use uuid::Uuid;

use super::done;
use super::query::Query;
use crate::api::Api;
use crate::dashboard::frame::{Frame, Membership, Section, Viewer};
use crate::domain::role::Role;
use crate::domain::tenant::OrganisationId;
use crate::management::{Access, Management, Problem, Signed};
use crate::store::memberships;
use crate::store::users::User;

/// Someone who is signed in.
pub(super) struct Visitor {
    /// What they ask.
    pub(super) management: Arc<Management>,
    /// The proof.
    pub(super) signed: Signed,
    /// Who.
    pub(super) user: User,
    /// What the page is asked for.
    pub(super) query: Query,
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let signed = <Signed as FromRequestParts<Api>>::from_request_parts(parts, api).await?;
        let management = Arc::clone(&api.management);
        // A token is signed in nowhere.
        let user = management.user(&signed).await?;
        let Ok(query) = Query::from_request_parts(parts, api).await;
        Ok(Self {
            user: user.ok_or(Problem::Unauthenticated)?,
            management,
            signed,
            query,
        })
    }
}

impl Visitor {
    /// Proves that they are at least a `least` in `organisation`.
    pub(super) fn enter(&self, organisation: Uuid, least: Role) -> Result<Access, Problem> {
        self.management.access(&self.signed, organisation, least)
    }

    /// The frame of a page of an organisation.
    pub(super) fn frame(
        &self,
        title: impl Into<String>,
        section: Section,
        access: &Access,
    ) -> Frame {
        self.around(title.into(), section, Some(access.organisation()))
    }

    /// The frame of a page that belongs to no organisation.
    pub(super) fn bare_frame(&self, title: impl Into<String>, section: Section) -> Frame {
        self.around(title.into(), section, None)
    }

    fn around(&self, title: String, section: Section, here: Option<OrganisationId>) -> Frame {
        let organisations: Vec<_> = self.signed.memberships.iter().map(membership).collect();
        let mut places = organisations.iter();
        // Who is in one organisation only stays in it, also on pages that belong to none.
        let here = here.or(match organisations.as_slice() {
            [only] => Some(only.id),
            _ => None,
        });
        let viewer = Viewer {
            name: self.user.name.clone(),
            email: self.user.email.clone(),
            is_operator: self.signed.is_operator,
            organisation: places.find(|place| Some(place.id) == here).cloned(),
            organisations,
        };
        let frame = Frame::new(title, section, viewer);
        match self.query.get("done").and_then(done::toast) {
            Some(toast) => frame.saying(toast),
            None => frame,
        }
    }
}

fn membership(own: &memberships::Membership) -> Membership {
    Membership {
        id: own.organisation_id,
        name: own.name.clone(),
        role: own.role.as_str(),
        is_admin: own.role >= Role::Admin,
    }
}
