//! Management tokens of an organisation.

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, again, see_other, show};
use super::form::Form;
use super::key_form::last_day;
use super::members::{role, roles};
use super::mistakes::Mistakes;
use super::visitor::Visitor;
use super::{query, secret};
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Control, Dialog, Empty, Field, Time};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{ConfirmPage, TokenRow, TokensPage};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::management::tokens::{MadeToken, TokenWish};
use crate::management::{Access, Faults, Problem};
use crate::store::tokens::Token;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::TOKENS, get(tokens))
        .route(paths::TOKEN_NEW, get(ask_create).post(create))
        .route(paths::TOKEN_DELETE, get(ask_delete).post(delete))
}

async fn tokens(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let tokens = visitor.management.tokens(&access).await?;
    let new = paths::token_new(access.organisation());
    let empty = tokens.is_empty().then_some(Empty {
        icon: "terminal",
        title: "No token yet",
        text: "A token lets a program create and watch keys by the management API.",
        action: Some((new, "Create token")),
        snippet: None,
    });
    show(&TokensPage {
        frame: visitor.frame("Management tokens", Section::Tokens, &access),
        organisation: access.organisation(),
        rows: tokens.into_iter().map(row).collect(),
        empty,
        create: creating(&access, &Form::default(), &Mistakes::default()),
    })
}

fn row(token: Token) -> TokenRow {
    TokenRow {
        id: token.id.0,
        name: token.name,
        display: token.display,
        role: token.role.map_or("operator", Role::as_str),
        created_by: token.created_by,
        last_used: token.last_used_at.map(Time::relative),
        expires_at: token.expires_at.map(Time::exact),
    }
}

async fn ask_create(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let nothing = (Form::default(), Mistakes::default());
    show(&create_page(&visitor, &access, &nothing.0, &nothing.1))
}

async fn create(visitor: Visitor, Ids(org): Ids<Uuid>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    match make(&visitor, &access, &form).await {
        Ok(made) => {
            let frame = visitor.frame("New token", Section::Tokens, &access);
            let next = paths::tokens(access.organisation());
            let Some(plain) = made.secret else {
                return Ok(see_other(&query::address(&next, [("done", "made")])));
            };
            let (management, name) = (&visitor.management, &made.token.name);
            secret::of_token(management, frame, name, plain.expose(), next)
        }
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            again(&create_page(&visitor, &access, &form, &mistakes))
        }
    }
}

async fn make(visitor: &Visitor, access: &Access, form: &Form) -> Result<MadeToken, Problem> {
    let mut faults = Faults::default();
    let day = form.text("expires");
    let wish = TokenWish {
        name: Some(form.echo("name")),
        role: form.text("role").and_then(role),
        expires_at: day.and_then(|_| last_day(day, &mut faults)),
    };
    faults.check()?;
    let once = visitor.query.get("once").map(|name| form.once(name));
    let made = visitor.management.create_token(access, wish, once);
    Ok(made.await?.thing)
}

fn create_page(
    visitor: &Visitor,
    access: &Access,
    form: &Form,
    mistakes: &Mistakes,
) -> ConfirmPage {
    ConfirmPage {
        frame: visitor.frame("Create token", Section::Tokens, access),
        dialog: creating(access, form, mistakes),
        back: paths::tokens(access.organisation()),
    }
}

fn creating(access: &Access, form: &Form, mistakes: &Mistakes) -> Dialog {
    let name = Field::new("Name", "name")
        .required()
        .value(form.echo("name"));
    let role = form.text("role").unwrap_or("member").to_owned();
    let roles = Field::new("Role", "role")
        .by(Control::Radio(roles(access)))
        .value(role);
    let expiry = Field::new("Last day", "expires")
        .by(Control::Line("date"))
        .value(form.echo("expires"))
        .hint("Empty: it never expires.");
    let (new, once) = (
        paths::token_new(access.organisation()),
        Uuid::now_v7().to_string(),
    );
    Dialog {
        id: "create",
        title: "Create a management token".to_owned(),
        text: "Its secret is shown once.".to_owned(),
        action: query::address(&new, [("once", once.as_str())]),
        fields: vec![
            mistakes.mark(name, "name"),
            mistakes.mark(roles.required(), "role"),
            mistakes.mark(expiry, "expires_at"),
        ],
        typed: None,
        submit: "Create token",
        is_danger: false,
    }
}

async fn ask_delete(visitor: Visitor, Ids((org, id)): Ids<(Uuid, Uuid)>) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let token = token(&visitor, &access, id).await?;
    show(&deleting(&visitor, &access, token))
}

async fn token(visitor: &Visitor, access: &Access, id: Uuid) -> Result<Token, Problem> {
    let tokens = visitor.management.tokens(access).await?;
    let found = tokens.into_iter().find(|token| token.id.0 == id);
    found.ok_or(Problem::NotFound)
}

fn deleting(visitor: &Visitor, access: &Access, token: Token) -> ConfirmPage {
    ConfirmPage {
        frame: visitor.frame("Delete token", Section::Tokens, access),
        dialog: Dialog {
            id: "delete",
            title: format!("Delete {}?", token.name),
            text: "What uses it is refused at once.".to_owned(),
            action: paths::token_delete(access.organisation(), token.id.0),
            fields: Vec::new(),
            typed: Some(token.name),
            submit: "Delete",
            is_danger: true,
        },
        back: paths::tokens(access.organisation()),
    }
}

async fn delete(visitor: Visitor, Ids((org, id)): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let access = visitor.enter(org, Role::Admin)?;
    let token = token(&visitor, &access, id).await?;
    let question = deleting(&visitor, &access, token);
    if !question.dialog.is_confirmed(form.get("confirm")) {
        return again(&question);
    }
    visitor.management.revoke_token(&access, id).await?;
    let path = paths::tokens(access.organisation());
    Ok(see_other(&query::address(&path, [("done", "deleted")])))
}
