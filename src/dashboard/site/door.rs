//! Into the dashboard by e-mail and password, and out of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::SET_COOKIE;

use super::answer::{Answer, see_other, show};
use super::form::Form;
use super::mistakes::Mistakes;
use super::query::{self, Query};
use super::visitor::Visitor;
use crate::api::{Api, cookie};
use crate::dashboard::components::{Control, Field};
use crate::dashboard::pages::{Door, DoorPage};
use crate::dashboard::paths;
use crate::management::{Browser, Management, Problem, Signed, SignedIn};

/// What they are told whose session ended before their form was sent.
const LOST: &str = "Your session ended before this was sent, so nothing was saved. Sign in to go back to the form.";

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::HOME, get(home))
        .route(paths::SIGN_IN, get(form).post(sign_in))
        .route(paths::SIGN_OUT, post(sign_out))
}

/// Where whoever is signed in begins.
async fn home(visitor: Visitor) -> Answer {
    let first = visitor.signed.memberships.first();
    Ok(see_other(&match first {
        Some(own) => paths::overview(own.organisation_id),
        None if visitor.signed.is_operator => paths::operator_orgs(),
        None => paths::account(),
    }))
}

async fn form(signed: Option<Signed>, query: Query) -> Answer {
    let next = query::local(query.get("next"));
    if signed.is_some_and(|signed| signed.session.is_some()) {
        return Ok(see_other(next.unwrap_or("/")));
    }
    let lost = query.get("lost").map(|_| LOST.to_owned());
    show(&page(next, "", &Mistakes::default(), lost))
}

async fn sign_in(
    State(management): State<Arc<Management>>,
    query: Query,
    browser: Browser,
    form: Form,
) -> Answer {
    let next = query::local(query.get("next"));
    let (email, password) = (form.text("email"), form.get("password"));
    let problem = match management.sign_in(email, password, &browser).await {
        Ok(signed_in) => return Ok(welcome(&management, &signed_in, next.unwrap_or("/"))),
        Err(problem) => problem,
    };
    let (status, mistakes, error) = refused(problem)?;
    let page = page(next, &form.echo("email"), &mistakes, error);
    Ok((status, show(&page)?).into_response())
}

async fn sign_out(visitor: Visitor) -> Answer {
    visitor.management.sign_out(&visitor.signed).await?;
    let taken = cookie::take(&visitor.management.public_url);
    let cookies = AppendHeaders(taken.map(|cookie| (SET_COOKIE, cookie)));
    Ok((cookies, see_other(&paths::sign_in())).into_response())
}

fn page(next: Option<&str>, email: &str, mistakes: &Mistakes, error: Option<String>) -> DoorPage {
    let next: Vec<_> = next.into_iter().map(|next| ("next", next)).collect();
    let (mut name, mut password) = (
        email_field().value(email).autocomplete("username"),
        password_field("Password", "current-password"),
    );
    let first = if email.is_empty() {
        &mut name
    } else {
        &mut password
    };
    first.is_first = true;
    DoorPage {
        door: Door::SignIn,
        action: query::address(&paths::sign_in(), next),
        fields: vec![
            mistakes.mark(name, "email"),
            mistakes.mark(password, "password"),
        ],
        error,
    }
}

/// What someone who may not come in is told; what is none of their doing is a problem still.
pub(super) fn refused(problem: Problem) -> Result<(StatusCode, Mistakes, Option<String>), Problem> {
    let (status, error) = match problem {
        Problem::WrongCredentials => (
            StatusCode::UNAUTHORIZED,
            "The e-mail address or the password is wrong.".to_owned(),
        ),
        Problem::Throttled(wait) => {
            let seconds = wait.as_secs().saturating_add(1);
            let text = format!("Too many attempts. Try again in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        problem => {
            let mistakes = Mistakes::of(problem)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, mistakes, None));
        }
    };
    Ok((status, Mistakes::default(), Some(error)))
}

/// On to `next`, with the cookie of a new session.
pub(super) fn welcome(
    management: &Management,
    signed_in: &SignedIn,
    next: &str,
) -> axum::response::Response {
    let given = cookie::give(&management.public_url, signed_in.secret.expose());
    let cookies = AppendHeaders(given.map(|cookie| (SET_COOKIE, cookie)));
    (cookies, see_other(next)).into_response()
}

pub(super) fn email_field() -> Field {
    let field = Field::new("E-mail", "email").by(Control::Line("email"));
    field.required().autocomplete("email")
}

pub(super) fn password_field(label: &'static str, autocomplete: &'static str) -> Field {
    let field = Field::new(label, "password").by(Control::Line("password"));
    field.required().autocomplete(autocomplete)
}
