//! The viewer's own: name, password and where he is signed in.

use askama::Template;
use uuid::Uuid;

use crate::dashboard::components::{Field, Icon, Time};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};

/// The viewer's account.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/account.html")]
pub struct AccountPage {
    /// Around it.
    pub frame: Frame,
    /// The password now, and the new one.
    pub password: [Field; 2],
    /// Where he is signed in, latest first.
    pub sessions: Vec<SessionRow>,
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// The session.
    pub id: Uuid,
    /// The browser, as far as it says.
    pub browser: String,
    /// From where.
    pub address: String,
    /// When it was last used.
    pub last_seen: Time,
    /// It is the one that looks at this.
    pub is_this: bool,
}
