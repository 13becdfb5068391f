//! The people of the installation, for operators: who there is, and who is shut out.

use uuid::Uuid;

use super::{Faults, Management, Problem, Signed, cursor};
use crate::domain::audit::Author;
use crate::domain::tenant::UserId;
use crate::store::users::{self, Status, User, UsersQuery};

/// Which people, and how many; all unless it says otherwise.
#[derive(Clone, Debug, Default)]
pub struct UserSearch {
    /// A part of their e-mail address, in any case.
    pub search: Option<String>,
    /// The cursor of the page before.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A page of people, by e-mail address.
#[derive(Default)]
pub struct UserList {
    /// Who is on it.
    pub users: Vec<User>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

impl Management {
    /// A page of everybody.
    pub async fn users(&self, signed: &Signed, search: UserSearch) -> Result<UserList, Problem> {
        self.operator(signed)?;
        let mut faults = Faults::default();
        let after: Option<String> = cursor::read(search.cursor.as_deref(), &mut faults);
        let is_text = |text: &str| !text.chars().any(char::is_control);
        if after.as_deref().is_some_and(|text| !is_text(text)) {
            faults.add("cursor", "is none of this list; begin anew");
        }
        let text = search.search.as_deref().unwrap_or_default();
        if text.chars().count() > 200 || !is_text(text) {
            faults.add("search", "at most 200 characters, none of them control");
        }
        faults.check()?;
        let query = UsersQuery {
            search: search.search,
            after: after.unwrap_or_default(),
            limit: search.limit.saturating_add(1),
        };
        let mut users = users::page(&self.db, &query).await?;
        let is_last = users.len() <= search.limit;
        users.truncate(search.limit);
        let last = users.last().filter(|_| !is_last);
        Ok(UserList {
            next: last.map(|user| cursor::write(&user.email)),
            users,
        })
    }

    /// One of them.
    pub async fn one_user(&self, signed: &Signed, id: Uuid) -> Result<User, Problem> {
        self.operator(signed)?;
        let found = users::find(&self.db, UserId(id)).await?;
        found.ok_or(Problem::NotFound)
    }

    /// Shuts someone out, or lets them in again; only if they still have this `version` where one is
    /// named. Nobody shuts themselves out.
    pub async fn set_user_status(
        &self,
        signed: &Signed,
        id: Uuid,
        status: Option<Status>,
        version: Option<i64>,
    ) -> Result<User, Problem> {
        let act = self.operator(signed)?;
        let Some(status) = status else {
            return self.one_user(signed, id).await;
        };
        let is_self = matches!(&signed.author, Author::User { id: own, .. } if own.0 == id);
        if is_self && status == Status::Disabled {
            let what = "you would shut yourself out; ask another operator";
            return Err(Problem::Conflict(what.to_owned()));
        }
        Ok(users::set_status(&self.db, UserId(id), status, version, act).await?)
    }
}
