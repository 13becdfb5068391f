//! `tollgate user`: people, made and shut out by whoever may run commands on the database, and the way
//! back in for those who lost their password.

use std::io::{Read, stdin};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;
use serde::Serialize;

use super::failure::UsageError;
use super::print::Row;
use super::session::{Session, checked_name, taken};
use crate::domain::email;
use crate::domain::role::Role;
use crate::domain::tenant::UserId;
use crate::domain::time::Timestamp;
use crate::management::{Problem, links, passwords};
use crate::store::links::Purpose;
use crate::store::users::{self, NewUser, Status, User, UsersQuery};

/// Users that are read at once.
const PAGE: usize = 200;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a user; without a password, print a link that signs them in once
    Create(Create),
    /// Print a link by which a user chooses a new password
    ResetPassword(ByEmail),
    /// List all users
    List,
    /// Shut a user out: their sessions and links end, and they cannot sign in
    Disable(ByEmail),
    /// Let a user in again
    Enable(ByEmail),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// What they sign in with
    #[arg(long)]
    email: String,
    /// What people call them; what stands before the @ unless given
    #[arg(long)]
    name: Option<String>,
    /// The organisation they belong to, by name or id
    #[arg(long, value_name = "ORG", requires = "role")]
    org: Option<String>,
    /// What they may do there
    #[arg(long, value_enum, requires = "org")]
    role: Option<RoleFlag>,
    /// Let them run the installation
    #[arg(long)]
    operator: bool,
    /// Read their password from stdin, up to the end or a line break
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args, Debug)]
pub(super) struct ByEmail {
    /// What they sign in with
    #[arg(long)]
    email: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleFlag {
    Viewer,
    Member,
    Admin,
    Owner,
}

/// A user as they are printed.
#[derive(Serialize)]
struct View {
    id: UserId,
    email: String,
    name: String,
    operator: bool,
    status: Status,
    created_at: Timestamp,
    /// The one-time link, if one was made.
    link: Option<String>,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::ResetPassword(who) => who.reset_password(session).await,
            Self::List => list(session).await,
            Self::Disable(who) => who.set_status(session, Status::Disabled).await,
            Self::Enable(who) => who.set_status(session, Status::Active).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let email = checked_email(&self.email)?;
        let before_at = email.split('@').next().unwrap_or_default();
        let name = checked_name(self.name.as_deref().unwrap_or(before_at))?;
        let organisation = match &self.org {
            Some(org) => Some(session.organisation(org).await?.id),
            None => None,
        };
        let password = if self.password_stdin {
            Some(hashed(&read_password()?)?)
        } else {
            None
        };
        let new = NewUser {
            email: &email,
            name: &name,
            password: password.as_deref(),
            is_operator: self.operator,
        };
        let place = organisation.zip(self.role.map(Role::from));
        let user = users::create(&session.db, new, place, session.now()).await;
        let user = user.map_err(|error| taken(error, &email))?;
        let link = match password {
            Some(_) => None,
            None => Some(link(session, Purpose::SignIn, &user).await?),
        };
        print(session, user, link, "Created")
    }
}

impl ByEmail {
    async fn find(&self, session: &Session) -> anyhow::Result<User> {
        let email = checked_email(&self.email)?;
        let user = users::find_by_email(&session.db, &email).await?;
        user.ok_or_else(|| anyhow!("nobody signs in with {email:?}; see `tollgate user list`"))
    }

    async fn reset_password(self, session: &Session) -> anyhow::Result<()> {
        let user = self.find(session).await?;
        if user.status() == Status::Disabled {
            bail!(
                "{} is disabled; see `tollgate user enable --help`",
                user.email
            );
        }
        let link = link(session, Purpose::Reset, &user).await?;
        print(session, user, Some(link), "Made a link for")
    }

    async fn set_status(self, session: &Session, status: Status) -> anyhow::Result<()> {
        let user = self.find(session).await?;
        let changed = users::set_status(&session.db, user.id, status, None, session.now()).await?;
        let done = match status {
            Status::Active => "Enabled",
            Status::Disabled => "Disabled",
        };
        print(session, changed, None, done)
    }
}

/// Everybody, read page by page.
async fn list(session: &Session) -> anyhow::Result<()> {
    let mut views: Vec<View> = Vec::new();
    loop {
        let query = UsersQuery {
            after: views
                .last()
                .map_or_else(String::new, |last| last.email.clone()),
            limit: PAGE,
            search: None,
        };
        let page = users::page(&session.db, &query).await?;
        let is_last = page.len() < PAGE;
        views.extend(page.into_iter().map(|user| View::of(user, None)));
        if is_last {
            return session.printer.list(&views);
        }
    }
}

async fn link(session: &Session, purpose: Purpose, user: &User) -> anyhow::Result<String> {
    let (db, public_url) = (&session.db, &session.public_url);
    let link = links::issue(db, public_url, purpose, Some(user), session.now()).await;
    link.map_err(|problem| match problem {
        Problem::Unavailable => anyhow!("the database is unavailable; try again"),
        _ => anyhow!("no link could be made; see that the system gives randomness"),
    })
}

fn print(session: &Session, user: User, link: Option<String>, done: &str) -> anyhow::Result<()> {
    let view = View::of(user, link);
    session.printer.answer(&view, || {
        let what = format!("{done} user {} ({})", view.email, view.id);
        match &view.link {
            Some(link) => format!("{what}. This link works once:\n{link}"),
            None => what,
        }
    })
}

impl View {
    fn of(user: User, link: Option<String>) -> Self {
        Self {
            status: user.status(),
            id: user.id,
            email: user.email,
            name: user.name,
            operator: user.is_operator,
            created_at: user.created_at,
            link,
        }
    }
}

impl Row for View {
    const HEADER: &'static [&'static str] = &["id", "email", "name", "operator", "status"];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            Status::Active => "active",
            Status::Disabled => "disabled",
        };
        let operator = if self.operator { "yes" } else { "no" };
        vec![
            self.id.to_string(),
            self.email.clone(),
            self.name.clone(),
            operator.to_owned(),
            status.to_owned(),
        ]
    }
}

fn checked_email(text: &str) -> anyhow::Result<String> {
    let wrong = || {
        UsageError(format!(
            "{text:?} is no e-mail address; write name@example.com"
        ))
    };
    Ok(email::parse(text).ok_or_else(wrong)?)
}

/// What stdin holds. A line break at its end is the terminal's.
fn read_password() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    let longest = passwords::LONGEST as u64 + 2;
    let read = stdin().take(longest).read_to_string(&mut text);
    read.context("cannot read the password from stdin as UTF-8")?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if let Some(rule) = passwords::broken_rule(password) {
        bail!(UsageError(format!("a password has {rule}; choose another")));
    }
    Ok(password.into())
}

fn hashed(password: &SecretString) -> anyhow::Result<String> {
    passwords::hash(password).map_err(|error| anyhow!("the password cannot be hashed: {error}"))
}

impl From<RoleFlag> for Role {
    fn from(flag: RoleFlag) -> Self {
        match flag {
            RoleFlag::Viewer => Self::Viewer,
            RoleFlag::Member => Self::Member,
            RoleFlag::Admin => Self::Admin,
            RoleFlag::Owner => Self::Owner,
        }
    }
}
