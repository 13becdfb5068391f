//! The visitor's own: password and sessions.

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use super::answer::{Answer, again, see_other, show};
use super::door::{self, welcome};
use super::form::Form;
use super::mistakes::Mistakes;
use super::query;
use super::visitor::Visitor;
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::{Control, Field, Time};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{AccountPage, SessionRow};
use crate::dashboard::paths;
use crate::management::{Browser, Problem};
use crate::store::sessions::Session;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::ACCOUNT, get(account))
        .route(paths::ACCOUNT_PASSWORD, post(change_password))
        .route(paths::SESSION_END, post(end_session))
}

async fn account(visitor: Visitor) -> Answer {
    show(&page(&visitor, &Mistakes::default(), None).await?)
}

async fn change_password(visitor: Visitor, browser: Browser, form: Form) -> Answer {
    let (current, password) = (form.get("current"), form.get("password"));
    let management = &visitor.management;
    let changed = management.change_password(&visitor.signed, current, password, &browser);
    let problem = match changed.await {
        Ok(signed_in) => {
            let next = query::address(&paths::account(), [("done", "password")]);
            return Ok(welcome(management, &signed_in, &next));
        }
        Err(problem) => problem,
    };
    let (_, mistakes, error) = door::refused(problem)?;
    again(&page(&visitor, &mistakes, error).await?)
}

async fn end_session(visitor: Visitor, Ids(session): Ids<Uuid>) -> Answer {
    let ended = visitor
        .management
        .end_session(&visitor.signed, session)
        .await;
    match ended {
        // It may have ended by itself since the page was shown.
        Ok(()) | Err(Problem::NotFound) => {}
        Err(problem) => return Err(problem),
    }
    Ok(see_other(&query::address(
        &paths::account(),
        [("done", "ended")],
    )))
}

async fn page(
    visitor: &Visitor,
    mistakes: &Mistakes,
    error: Option<String>,
) -> Result<AccountPage, Problem> {
    let sessions = visitor.management.own_sessions(&visitor.signed).await?;
    let mut current = Field::new("Password now", "current")
        .by(Control::Line("password"))
        .autocomplete("current-password");
    if visitor.user.password.is_some() {
        current = current.required();
    } else {
        current = current.hint("You have none yet: leave it empty.");
    }
    let new = door::password_field("New password", "new-password");
    let mut current = mistakes.mark(current, "current");
    if error.is_some() {
        current.error = error;
    }
    Ok(AccountPage {
        frame: visitor.bare_frame("My account", Section::Account),
        password: [
            current,
            mistakes.mark(new.hint("At least 12 characters."), "password"),
        ],
        sessions: sessions.into_iter().map(|own| row(own, visitor)).collect(),
    })
}

fn row(session: Session, visitor: &Visitor) -> SessionRow {
    let browser = session
        .agent
        .as_deref()
        .map_or("Unknown browser".to_owned(), browser);
    SessionRow {
        id: session.id.0,
        browser,
        address: session
            .address
            .unwrap_or_else(|| "unknown address".to_owned()),
        last_seen: Time::relative(session.seen_at),
        is_this: visitor.signed.session == Some(session.id),
    }
}

/// What a browser says it is, in short: `Firefox on Linux`.
fn browser(agent: &str) -> String {
    let first = |names: &[(&'static str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    let name = first(&[
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}
