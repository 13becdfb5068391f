//! Into the dashboard by a link that works once. Looking at a link uses nothing: mail programs look
//! at links too.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;

use super::answer::{Answer, see_other, show};
use super::door::{email_field, password_field, refused, welcome};
use super::form::Form;
use super::mistakes::Mistakes;
use crate::api::Api;
use crate::api::ids::Ids;
use crate::dashboard::components::Field;
use crate::dashboard::pages::{Door, DoorPage};
use crate::dashboard::paths;
use crate::management::invitations::Acceptance;
use crate::management::links::FirstOperator;
use crate::management::{Browser, Management, Problem, Signed};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route(paths::SET_UP, get(set_up_form).post(set_up))
        .route(paths::SIGN_IN_LINK, get(link_form).post(sign_in))
        .route(paths::RESET, get(reset_form).post(reset))
        .route(paths::INVITATION, get(invitation_form).post(join))
}

async fn set_up_form(Ids(secret): Ids<String>) -> Answer {
    show(&set_up_page(
        &secret,
        &Form::default(),
        &Mistakes::default(),
        None,
    ))
}

async fn set_up(
    State(management): State<Arc<Management>>,
    Ids(secret): Ids<String>,
    browser: Browser,
    form: Form,
) -> Answer {
    let first = FirstOperator {
        email: form.text("email"),
        name: form.text("name"),
        password: form.get("password"),
        organisation: form.text("organization"),
    };
    let problem = match management.set_up(&secret, first, &browser).await {
        Ok(signed_in) => return Ok(welcome(&management, &signed_in, "/")),
        Err(problem) => problem,
    };
    again(problem, |mistakes, error| {
        set_up_page(&secret, &form, &mistakes, error)
    })
}

fn set_up_page(secret: &str, form: &Form, mistakes: &Mistakes, error: Option<String>) -> DoorPage {
    let name = Field::new("Your name", "name").required();
    let name = name.autocomplete("name").first();
    let organisation = Field::new("Organisation", "organization")
        .hint("The first tenant, which you will own. You can leave it for later.");
    DoorPage {
        door: Door::SetUp,
        action: paths::set_up(secret),
        fields: vec![
            mistakes.mark(name.value(form.echo("name")), "name"),
            mistakes.mark(email_field().value(form.echo("email")), "email"),
            mistakes.mark(new_password(), "password"),
            mistakes.mark(
                organisation.value(form.echo("organization")),
                "organization",
            ),
        ],
        error,
    }
}

async fn link_form(Ids(secret): Ids<String>) -> Answer {
    show(&plain(Door::Link, paths::sign_in_link(secret), None))
}

async fn sign_in(
    State(management): State<Arc<Management>>,
    Ids(secret): Ids<String>,
    browser: Browser,
) -> Answer {
    match management.sign_in_by_link(&secret, &browser).await {
        Ok(signed_in) => Ok(welcome(&management, &signed_in, "/")),
        Err(problem) => again(problem, |_, error| {
            plain(Door::Link, paths::sign_in_link(&secret), error)
        }),
    }
}

async fn reset_form(Ids(secret): Ids<String>) -> Answer {
    show(&reset_page(&secret, &Mistakes::default(), None))
}

async fn reset(
    State(management): State<Arc<Management>>,
    Ids(secret): Ids<String>,
    browser: Browser,
    form: Form,
) -> Answer {
    let reset = management.reset_password(&secret, form.get("password"), &browser);
    match reset.await {
        Ok(()) => Ok(see_other(&paths::sign_in())),
        Err(problem) => again(problem, |mistakes, error| {
            reset_page(&secret, &mistakes, error)
        }),
    }
}

fn reset_page(secret: &str, mistakes: &Mistakes, error: Option<String>) -> DoorPage {
    DoorPage {
        fields: vec![mistakes.mark(new_password(), "password")],
        ..plain(Door::Reset, paths::reset(secret), error)
    }
}

async fn invitation_form(
    State(management): State<Arc<Management>>,
    Ids(secret): Ids<String>,
    signed: Option<Signed>,
) -> Answer {
    let nothing = (Form::default(), Mistakes::default());
    match invitation_page(
        &management,
        &secret,
        signed.as_ref(),
        &nothing.0,
        &nothing.1,
        None,
    )
    .await
    {
        Ok(page) => show(&page),
        Err(problem) => again(problem, |_, _| plain(Door::Spent, paths::sign_in(), None)),
    }
}

async fn join(
    State(management): State<Arc<Management>>,
    Ids(secret): Ids<String>,
    signed: Option<Signed>,
    browser: Browser,
    form: Form,
) -> Answer {
    let acceptance = Acceptance {
        secret: &secret,
        name: form.text("name"),
        password: form.get("password"),
    };
    let signed = signed.as_ref();
    let joined = management.accept_invitation(signed, acceptance, &browser);
    let problem = match joined.await {
        Ok(signed_in) => return Ok(welcome(&management, &signed_in, "/")),
        Err(Problem::NotFound) => return spent(),
        Err(problem) => problem,
    };
    let (status, mistakes, error) = refused(problem)?;
    let page = invitation_page(&management, &secret, signed, &form, &mistakes, error).await?;
    Ok((status, show(&page)?).into_response())
}

/// Whoever is signed in joins as that. Others say who they are, or will be: both look the same here,
/// so that nobody learns who has an account.
async fn invitation_page(
    management: &Management,
    secret: &str,
    signed: Option<&Signed>,
    form: &Form,
    mistakes: &Mistakes,
    error: Option<String>,
) -> Result<DoorPage, Problem> {
    let invitation = management.invitation(secret).await?;
    let name = Field::new("Your name", "name").autocomplete("name");
    let name = name.hint("Not needed if you have an account already.");
    let password = password_field("Password", "current-password");
    let password = password.hint(format!(
        "Yours, if {} has an account here; if not, choose one of at least 12 characters.",
        invitation.email
    ));
    let fields = vec![
        mistakes.mark(name.value(form.echo("name")), "name"),
        mistakes.mark(password, "password"),
    ];
    let door = Door::Invitation {
        organisation: invitation.organisation,
        role: invitation.role.as_str(),
    };
    Ok(DoorPage {
        fields: if signed.is_some() { Vec::new() } else { fields },
        ..plain(door, paths::invitation(secret), error)
    })
}

/// The page again, unless the link works no more.
fn again(problem: Problem, page: impl FnOnce(Mistakes, Option<String>) -> DoorPage) -> Answer {
    if matches!(problem, Problem::NotFound) {
        return spent();
    }
    let (status, mistakes, error) = refused(problem)?;
    Ok((status, show(&page(mistakes, error))?).into_response())
}

fn spent() -> Answer {
    let page = show(&plain(Door::Spent, paths::sign_in(), None))?;
    Ok((StatusCode::NOT_FOUND, page).into_response())
}

fn plain(door: Door, action: String, error: Option<String>) -> DoorPage {
    DoorPage {
        door,
        action,
        fields: Vec::new(),
        error,
    }
}

fn new_password() -> Field {
    let field = password_field("Password", "new-password");
    field.hint("At least 12 characters; a few words do well.")
}
