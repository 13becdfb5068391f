//! Who may do what, who did it, and settings.

use tollgate::dashboard::components::{
    Choice, Control, CopyField, Dialog, Empty, Field, Pill, Tone,
};
use tollgate::dashboard::frame::Section;
use tollgate::dashboard::pages::{
    AccountPage, AuditPage, AuditRow, InvitationRow, MemberRow, MembersPage, SessionRow,
    SettingsPage, TokenRow, TokensPage,
};
use tollgate::dashboard::paths;

use super::parts::{
    HOSTILE, ago, ahead, at, budget, chips, curl, filters, frame, id, organisation, pager,
};
use super::{Page, page};

pub fn pages() -> Vec<Page> {
    let org = organisation();
    vec![
        page("members", paths::members(org), &members()),
        page("tokens", paths::tokens(org), &tokens(false)),
        page("tokens-none", "/tokens-none", &tokens(true)),
        page("audit", paths::audit(org), &audit()),
        page("settings", paths::settings(org), &settings()),
        page("account", paths::account(), &account()),
    ]
}

fn roles() -> Vec<Choice> {
    let roles = [
        ("viewer", "Viewer"),
        ("member", "Member"),
        ("admin", "Admin"),
        ("owner", "Owner"),
    ];
    roles.map(|(value, name)| Choice::new(value, name)).to_vec()
}

fn role_field() -> Field {
    let roles = vec![
        Choice::new("viewer", "Viewer").hint("Sees keys and usage"),
        Choice::new("member", "Member").hint("Creates and edits own keys"),
        Choice::new("admin", "Admin").hint("Everything but owners"),
    ];
    Field::new("Role", "role")
        .by(Control::Radio(roles))
        .value("member")
}

fn members() -> MembersPage {
    let org = organisation();
    let row = |(at, name): (u128, &str)| MemberRow {
        id: id(100 + at),
        name: name.into(),
        email: "someone@acme.example".into(),
        role: ["owner", "admin", "member", "viewer"][usize::try_from(at % 4).unwrap_or(0)],
        can_edit: at > 0,
        joined: ago(86_400),
    };
    let asked = |email: &str, status| InvitationRow {
        id: id(200),
        email: email.into(),
        role: "member",
        status,
        expires_at: ahead(3 * 86_400),
    };
    MembersPage {
        frame: frame("Members", Section::Members),
        organisation: org,
        members: (0..)
            .zip(["Ada Lovelace", "Grace Hopper", HOSTILE[0], HOSTILE[2]])
            .map(row)
            .collect(),
        invitations: vec![
            asked("alan@acme.example", Pill::new("Open", Tone::Warning)),
            asked(
                "averyveryverylongaddressofsomebody@averylongdomainnameindeed.example",
                Pill::new("Over", Tone::Plain),
            ),
        ],
        roles: roles(),
        link: Some(CopyField {
            id: "link",
            label: "Invitation of alan@acme.example",
            value: "https://gate.acme.example/invitations/EXAMPLE".into(),
        }),
        invite: Dialog {
            id: "invite",
            title: "Invite someone".into(),
            text: "You get a link to send. It works once, for this address, for three days.".into(),
            action: paths::member_invite(org),
            fields: vec![
                Field::new("E-mail", "email")
                    .by(Control::Line("email"))
                    .required(),
                role_field(),
            ],
            typed: None,
            submit: "Make the link",
            is_danger: false,
        },
    }
}

fn tokens(is_empty: bool) -> TokensPage {
    let org = organisation();
    let row = |(at, name): (u128, &str)| TokenRow {
        id: id(300 + at),
        name: name.into(),
        display: "mk-AbCd…wxyz".into(),
        role: "admin",
        created_by: "Ada Lovelace".into(),
        last_used: (at == 0).then(|| ago(3_000)),
        expires_at: (at == 1).then(|| ahead(9_000_000)),
    };
    TokensPage {
        frame: frame("Management tokens", Section::Tokens),
        organisation: org,
        rows: (0..).zip(["Terraform", HOSTILE[1]]).map(row).collect(),
        empty: is_empty.then(|| Empty {
            icon: "terminal",
            title: "No token yet",
            text: "A token lets a program create, limit and watch keys, as far as its role goes.",
            action: None,
            snippet: Some(curl()),
        }),
        create: Dialog {
            id: "create",
            title: "Create a management token".into(),
            text: "Its secret is shown once.".into(),
            action: paths::token_new(org),
            fields: vec![Field::new("Name", "name").required(), role_field()],
            typed: None,
            submit: "Create token",
            is_danger: false,
        },
    }
}

fn audit() -> AuditPage {
    let row = |(number, (action, target)): (i64, (&'static str, &str))| AuditRow {
        at: tollgate::dashboard::components::Time::exact(at(-number * 4_000)),
        actor: if number % 2 == 0 {
            "Ada Lovelace".into()
        } else {
            HOSTILE[0].into()
        },
        address: "203.0.113.7".into(),
        action: action.to_owned(),
        target: target.into(),
        changes: if action == "key.update" {
            vec![
                ("requests_per_minute".into(), "60".into(), "120".into()),
                ("name".into(), HOSTILE[3].into(), "Production".into()),
            ]
        } else {
            vec![]
        },
    };
    let changes = [
        ("key.update", "Production"),
        ("key.create", HOSTILE[4]),
        ("member.invite", "alan@acme.example"),
        ("key.rotate", "CI"),
        ("key.delete", HOSTILE[2]),
    ];
    AuditPage {
        frame: frame("Audit", Section::Audit),
        filters: filters(
            paths::audit(organisation()),
            "",
            chips(&["All", "Keys made", "Keys changed", "Roles changed"], 0),
        ),
        rows: (0..).zip(changes).map(row).collect(),
        pager: pager("5 changes"),
    }
}

fn settings() -> SettingsPage {
    SettingsPage {
        frame: frame("Settings", Section::Settings),
        organisation: organisation(),
        can_write: true,
        name: Field::new("Name", "name").value("Acme Robotics").required(),
        version: 7,
        conflict: None,
        budgets: vec![budget("Budget, a month", 41_287, 30, 100_000)],
        limits: vec![
            ("Requests a minute", "6,000".into()),
            ("Calls at once", "100".into()),
        ],
    }
}

fn account() -> AccountPage {
    let password = |label, name, kind| {
        Field::new(label, name)
            .by(Control::Line("password"))
            .required()
            .autocomplete(kind)
    };
    let session = |number, browser: &str, is_this| SessionRow {
        id: id(number),
        browser: browser.into(),
        address: "203.0.113.7".into(),
        last_seen: ago(86_400),
        is_this,
    };
    AccountPage {
        frame: frame("My account", Section::Account),
        password: [
            password("Password now", "password", "current-password"),
            password("New password", "new_password", "new-password"),
        ],
        sessions: vec![
            session(401, "Firefox on Linux", true),
            session(402, HOSTILE[0], false),
        ],
    }
}
