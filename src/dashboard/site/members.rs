//! Members and invitations of an organisation.

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, again, see_other, show};
use super::door::email_field;
use super::form::Form;
use super::mistakes::Mistakes;
use super::query;
use super::visitor::Visitor;
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Choice, Control, CopyField, Dialog, Field, Pill, Time, Tone};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{ConfirmPage, InvitationRow, MemberRow, MembersPage};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::management::{Access, Problem};
use crate::store::invitations::Invitation;
use crate::store::memberships::Member;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::MEMBERS, get(members))
        .route(paths::MEMBER_INVITE, get(ask_invite).post(invite))
        .route(paths::MEMBER, post(set_role))
        .route(paths::MEMBER_REMOVE, get(ask_remove).post(remove))
        .route(paths::INVITATION_REVOKE, post(revoke))
}

async fn members(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    show(&page(&visitor, &access, None).await?)
}

async fn ask_invite(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let nothing = (Form::default(), Mistakes::default());
    show(&invite_page(&visitor, &access, &nothing.0, &nothing.1))
}

/// Makes an invitation and shows its link, this once.
async fn invite(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let role = form.text("role").and_then(role);
    let invited = visitor
        .management
        .invite(&access, form.text("email"), role, None);
    match invited.await {
        Ok(made) => {
            let link = made.thing.shown.map(|(_, link)| link);
            show(&page(&visitor, &access, link).await?)
        }
        Err(problem) => {
            let mistakes = match problem {
                Problem::Conflict(message) => {
                    let fault = crate::management::Fault {
                        field: "email".to_owned(),
                        message,
                    };
                    Mistakes::of(Problem::Invalid(vec![fault]))?
                }
                problem => Mistakes::of(problem)?,
            };
            again(&invite_page(&visitor, &access, &form, &mistakes))
        }
    }
}

async fn set_role(visitor: Visitor, Ids((org, user)): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let role = form.text("role").and_then(role);
    visitor
        .management
        .set_role(&access, user, role, None)
        .await?;
    Ok(done(&access, "role"))
}

async fn ask_remove(visitor: Visitor, Ids((org, user)): Ids<(Uuid, Uuid)>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let member = member(&visitor, &access, user).await?;
    show(&removing(&visitor, &access, member))
}

async fn member(visitor: &Visitor, access: &Access, user: Uuid) -> Result<Member, Problem> {
    let members = visitor.management.members(access).await?;
    let found = members.into_iter().find(|member| member.user_id.0 == user);
    found.ok_or(Problem::NotFound)
}

fn removing(visitor: &Visitor, access: &Access, member: Member) -> ConfirmPage {
    ConfirmPage {
        frame: visitor.frame("Remove member", Section::Members, access),
        dialog: Dialog {
            id: "remove",
            title: format!("Remove {}?", member.email),
            text: "They see nothing of this organisation any more, and the keys that they own here are disabled.".to_owned(),
            action: paths::member_remove(access.organisation(), member.user_id.0),
            fields: Vec::new(),
            typed: Some(member.email),
            submit: "Remove",
            is_danger: true,
        },
        back: paths::members(access.organisation()),
    }
}

async fn remove(visitor: Visitor, Ids((org, user)): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let member = member(&visitor, &access, user).await?;
    let question = removing(&visitor, &access, member);
    if !question.dialog.is_confirmed(form.get("confirm")) {
        return again(&question);
    }
    visitor
        .management
        .remove_member(&access, user, None)
        .await?;
    if access.act().author.id() == Some(user) {
        return Ok(see_other(&paths::home()));
    }
    Ok(done(&access, "removed"))
}

async fn revoke(visitor: Visitor, Ids((org, invitation)): Ids<(Uuid, Uuid)>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    visitor
        .management
        .revoke_invitation(&access, invitation)
        .await?;
    Ok(done(&access, "withdrawn"))
}

fn done(access: &Access, what: &str) -> axum::response::Response {
    let path = paths::members(access.organisation());
    see_other(&query::address(&path, [("done", what)]))
}

async fn page(
    visitor: &Visitor,
    access: &Access,
    link: Option<String>,
) -> Result<MembersPage, Problem> {
    let management = &visitor.management;
    let (members, open) = (
        management.members(access).await?,
        management.invitations(access).await?,
    );
    let row = |member: Member| MemberRow {
        id: member.user_id.0,
        can_edit: access.role().grants(member.role),
        name: member.name,
        email: member.email,
        role: member.role.as_str(),
        joined: Time::day(member.created_at),
    };
    Ok(MembersPage {
        frame: visitor.frame("Members", Section::Members, access),
        organisation: access.organisation(),
        members: members.into_iter().map(row).collect(),
        invitations: open.into_iter().map(invitation).collect(),
        roles: roles(access),
        link: link.map(|value| CopyField {
            id: "link",
            label: "The invitation's link",
            value,
        }),
        invite: inviting(access, &Form::default(), &Mistakes::default()),
    })
}

fn invitation(open: Invitation) -> InvitationRow {
    InvitationRow {
        id: open.id.0,
        email: open.email,
        role: open.role.as_str(),
        status: Pill::new("Open", Tone::Plain),
        expires_at: Time::exact(open.expires_at),
    }
}

fn invite_page(
    visitor: &Visitor,
    access: &Access,
    form: &Form,
    mistakes: &Mistakes,
) -> ConfirmPage {
    ConfirmPage {
        frame: visitor.frame("Invite", Section::Members, access),
        dialog: inviting(access, form, mistakes),
        back: paths::members(access.organisation()),
    }
}

fn inviting(access: &Access, form: &Form, mistakes: &Mistakes) -> Dialog {
    let role = form.text("role").unwrap_or("member").to_owned();
    let field = Field::new("Role", "role").by(Control::Radio(roles(access)));
    let email = email_field().autocomplete("off").value(form.echo("email"));
    Dialog {
        id: "invite",
        title: "Invite someone".to_owned(),
        text: "You get a link to hand on. It works once, within a week, for this address only."
            .to_owned(),
        action: paths::member_invite(access.organisation()),
        fields: vec![
            mistakes.mark(email, "email"),
            mistakes.mark(field.value(role).required(), "role"),
        ],
        typed: None,
        submit: "Make the link",
        is_danger: false,
    }
}

/// What whoever asks may make of others.
pub(super) fn roles(access: &Access) -> Vec<Choice> {
    let may = Role::ALL
        .into_iter()
        .filter(|role| access.role().grants(*role));
    let choice = |role: Role| {
        let (name, hint) = words(role);
        Choice::new(role.as_str(), name).hint(hint)
    };
    may.map(choice).collect()
}

pub(super) fn role(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.as_str() == text)
}

/// What a role is called, and what it may do.
fn words(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Viewer => ("Viewer", "Sees keys and usage, changes nothing"),
        Role::Member => ("Member", "Makes keys, and sees and changes those"),
        Role::Admin => ("Admin", "Changes everything but owners"),
        Role::Owner => ("Owner", "Changes everything"),
    }
}
