//! The ways in, and what stands where there is none.

use tollgate::dashboard::components::Field;
use tollgate::dashboard::pages::{Door, DoorPage, ErrorPage};
use tollgate::dashboard::paths;

use super::parts::HOSTILE;
use super::{Page, page};

pub fn pages() -> Vec<Page> {
    let mut pages = doors();
    for (name, status) in [("error-403", 403), ("error-404", 404), ("error-500", 500)] {
        let error = ErrorPage {
            status,
            request_id: super::parts::id(9).to_string(),
            detail: String::new(),
            back: paths::home(),
        };
        pages.push(page(name, format!("/{name}"), &error));
    }
    pages
}

fn doors() -> Vec<Page> {
    let email = || {
        Field::new("E-mail", "email")
            .by(line("email"))
            .required()
            .autocomplete("username")
    };
    let old = || {
        Field::new("Password", "password")
            .by(line("password"))
            .required()
            .autocomplete("current-password")
    };
    let new = || {
        let hint = "At least 12 characters.";
        let field = Field::new("New password", "password")
            .by(line("password"))
            .required();
        field.autocomplete("new-password").hint(hint)
    };
    let name = || {
        Field::new("Your name", "name")
            .required()
            .autocomplete("name")
    };
    let wrong = "E-mail and password do not belong together.";
    let invitation = Door::Invitation {
        organisation: HOSTILE[1].into(),
        role: "member",
    };
    let open = |door, action, fields, error: Option<&str>| DoorPage {
        door,
        action,
        fields,
        error: error.map(Into::into),
    };
    vec![
        page(
            "sign-in",
            paths::sign_in(),
            &open(Door::SignIn, paths::sign_in(), vec![email(), old()], None),
        ),
        page(
            "sign-in-wrong",
            "/sign-in-wrong",
            &open(
                Door::SignIn,
                paths::sign_in(),
                vec![email().value("ada@acme.example"), old()],
                Some(wrong),
            ),
        ),
        page(
            "set-up",
            paths::set_up("token"),
            &open(
                Door::SetUp,
                paths::set_up("token"),
                vec![name(), email(), new().error("This has 8 characters.")],
                None,
            ),
        ),
        page(
            "invitation",
            paths::invitation("token"),
            &open(
                invitation,
                paths::invitation("token"),
                vec![name(), new()],
                None,
            ),
        ),
        page(
            "reset",
            paths::reset("token"),
            &open(Door::Reset, paths::reset("token"), vec![new()], None),
        ),
        page(
            "link-spent",
            "/link-spent",
            &open(Door::Spent, paths::sign_in(), vec![], None),
        ),
    ]
}

fn line(kind: &'static str) -> tollgate::dashboard::components::Control {
    tollgate::dashboard::components::Control::Line(kind)
}
