//! The pages before one is signed in: the ways in.

use askama::Template;

use crate::dashboard::assets;
use crate::dashboard::components::{Field, Icon};

/// A card with one form.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/door.html")]
pub struct DoorPage {
    /// Which way in.
    pub door: Door,
    /// Where the form goes.
    pub action: String,
    /// What it asks.
    pub fields: Vec<Field>,
    /// What is wrong with the answers as a whole.
    pub error: Option<String>,
}

/// A way in.
#[derive(Clone, Debug)]
pub enum Door {
    /// By e-mail and password.
    SignIn,
    /// By a link that works once.
    Link,
    /// The first operator of a new installation.
    SetUp,
    /// Into an organisation, with a role.
    Invitation {
        /// Its name.
        organisation: String,
        /// What he will be there.
        role: &'static str,
    },
    /// With a new password.
    Reset,
    /// With a link that works no more.
    Spent,
}

impl DoorPage {
    fn title(&self) -> &'static str {
        match self.door {
            Door::SignIn | Door::Link => "Sign in",
            Door::SetUp => "Set up Tollgate",
            Door::Invitation { .. } => "Accept the invitation",
            Door::Reset => "Choose a new password",
            Door::Spent => "This link works no more",
        }
    }

    fn submit(&self) -> &'static str {
        match self.door {
            Door::SignIn => "Sign in",
            Door::Link => "Go on",
            Door::SetUp => "Create the operator",
            Door::Invitation { .. } => "Join",
            Door::Reset => "Save the password",
            Door::Spent => "Go to sign-in",
        }
    }
}
