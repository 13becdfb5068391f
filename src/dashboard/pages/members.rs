//! Who belongs to an organisation, and who was asked to.

use askama::Template;
use uuid::Uuid;

use crate::dashboard::components::{Choice, CopyField, Dialog, Icon, Pill, Time};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::OrganisationId;

/// Members and invitations.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/members.html")]
pub struct MembersPage {
    /// Around it.
    pub frame: Frame,
    /// Whose.
    pub organisation: OrganisationId,
    /// Those who belong to it.
    pub members: Vec<MemberRow>,
    /// Those who were asked.
    pub invitations: Vec<InvitationRow>,
    /// What the viewer may make of others.
    pub roles: Vec<Choice>,
    /// An invitation's link, shown once, after it was made.
    pub link: Option<CopyField>,
    /// The form that asks someone.
    pub invite: Dialog,
}

/// A member.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// Who.
    pub id: Uuid,
    /// By name.
    pub name: String,
    /// By e-mail.
    pub email: String,
    /// What he is here.
    pub role: &'static str,
    /// The viewer may change it.
    pub can_edit: bool,
    /// When he joined.
    pub joined: Time,
}

/// An invitation that was not accepted yet.
#[derive(Clone, Debug)]
pub struct InvitationRow {
    /// The invitation.
    pub id: Uuid,
    /// Who was asked.
    pub email: String,
    /// What he will be.
    pub role: &'static str,
    /// Whether it still works.
    pub status: Pill,
    /// Until when.
    pub expires_at: Time,
}
