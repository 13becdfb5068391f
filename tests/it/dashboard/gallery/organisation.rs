//! What an organisation has besides keys.

use tollgate::dashboard::components::{
    ChartKind, Choice, Column, Control, CopyField, Dialog, Empty, Field, Head, Pill, Toast, Tone,
    Unit,
};
use tollgate::dashboard::frame::Section;
use tollgate::dashboard::pages::{
    AccountPage, AuditPage, AuditRow, InvitationRow, MemberRow, MembersPage, NearQuota,
    OverviewPage, ProjectFormPage, ProjectRow, ProjectsPage, SessionRow, SettingsPage, TokenRow,
    TokensPage, UsagePage, UsageRow,
};
use tollgate::dashboard::paths;
use tollgate::domain::tenant::ProjectId;

use super::key::days;
use super::parts::{
    HOSTILE, ago, ahead, at, badge, budget, chart, chips, curl, empty_keys, filters, frame, id,
    limits, models, organisation, pager, quota, refusals, stats,
};
use super::{Page, page};

pub fn pages() -> Vec<Page> {
    let org = organisation();
    vec![
        page("overview", paths::overview(org), &overview(false)),
        page("overview-none", "/overview-none", &overview(true)),
        page("usage", paths::usage(org), &usage()),
        page("projects", paths::projects(org), &projects()),
        page("project-new", paths::project_new(org), &project(None)),
        page(
            "project",
            paths::project(org, id(70)),
            &project(Some(ProjectId(id(70)))),
        ),
        page("members", paths::members(org), &members()),
        page("tokens", paths::tokens(org), &tokens(false)),
        page("tokens-none", "/tokens-none", &tokens(true)),
        page("audit", paths::audit(org), &audit()),
        page("settings", paths::settings(org), &settings()),
        page("account", paths::account(), &account()),
    ]
}

fn overview(is_empty: bool) -> OverviewPage {
    let near = |name: &str, used| NearQuota {
        name: name.into(),
        address: paths::key(organisation(), id(20)),
        key: badge("sk-AbCd…wxyz", "Active", Tone::Good),
        quota: quota(used, 20_000, 1_000_000, true),
    };
    let said = Toast {
        text: "Key “Nightly evaluation” was disabled.".into(),
        tone: Tone::Good,
    };
    let frame = frame("Overview", Section::Overview);
    OverviewPage {
        frame: if is_empty {
            frame
        } else {
            frame.with_chart().saying(said)
        },
        ranges: chips(&["24 h", "7 d", "30 d"], 2),
        stats: stats(),
        groupings: chips(&["By model", "By key"], 0),
        chart: chart(
            "Tokens over time",
            ChartKind::Stacked,
            Unit::Tokens,
            &[
                "gpt-4o",
                "gpt-4o-mini",
                "claude-sonnet-4-5",
                "text-embedding-3-large",
                "Others",
            ],
        ),
        near: vec![
            near(HOSTILE[1], 1_000_000),
            near("Production", 931_000),
            near(HOSTILE[4], 742_000),
            near(HOSTILE[2], 512_000),
        ],
        refusals: refusals(true),
        empty: is_empty.then(empty_keys),
    }
}

fn usage() -> UsagePage {
    let org = organisation();
    let row = |(at, name): (u128, &str)| UsageRow {
        name: name.into(),
        address: Some(paths::key(org, id(20 + at))),
        id: Some(id(20 + at).to_string()),
        requests: "48,210".into(),
        errors: "312 (0.6%)".into(),
        input: "18.2M".into(),
        output: "6.04M".into(),
        total: "24.2M".into(),
        estimated: "0.7%".into(),
        cost: "$104.20".into(),
    };
    let head = Head {
        columns: [
            "Requests",
            "Errors",
            "Input",
            "Output",
            "Tokens",
            "Estimated",
            "Cost",
        ]
        .into_iter()
        .fold(
            vec![Column::text("Key").sorts("?sort=name")],
            |mut columns, name| {
                columns.push(Column::number(name).sorts("?sort=x"));
                columns
            },
        ),
    };
    UsagePage {
        frame: frame("Usage", Section::Usage).with_chart(),
        organisation: org,
        groupings: chips(&["Key", "Model", "Project", "Day"], 0),
        measures: chips(&["Tokens", "Requests", "Cost"], 2),
        ranges: chips(&["24 h", "7 d", "30 d"], 2),
        days: days(),
        kept: vec![("by", "key".into())],
        compared: chips(&["Production", HOSTILE[0]], 9),
        chart: chart(
            "Cost by key",
            ChartKind::Lines,
            Unit::Usd,
            &["Production", HOSTILE[0]],
        )
        .scaled(),
        head,
        rows: (0..)
            .zip(
                ["Production", "Nightly evaluation"]
                    .into_iter()
                    .chain(HOSTILE),
            )
            .map(row)
            .collect(),
        csv: paths::usage_csv(org),
    }
}

trait Scaled {
    fn scaled(self) -> Self;
}

impl Scaled for tollgate::dashboard::components::Chart {
    /// Dollars instead of tokens.
    fn scaled(mut self) -> Self {
        for series in &mut self.series {
            for value in &mut series.values {
                *value *= 4_000;
            }
        }
        self
    }
}

fn projects() -> ProjectsPage {
    let row = |(at, name): (u128, &str)| ProjectRow {
        id: ProjectId(id(70 + at)),
        name: name.into(),
        keys: format!("{} keys", at + 2),
        models: "All".into(),
        quota: (at != 1).then(|| quota(640_000, 0, 1_000_000, true)),
        cost: "$104.20".into(),
    };
    ProjectsPage {
        frame: frame("Projects", Section::Projects),
        organisation: organisation(),
        can_write: true,
        rows: (0..)
            .zip(["Default", "Assistant", HOSTILE[0], HOSTILE[4]])
            .map(row)
            .collect(),
        empty: None,
    }
}

fn project(id: Option<ProjectId>) -> ProjectFormPage {
    let org = organisation();
    let delete = id.map(|id| Dialog {
        id: "delete",
        title: "Delete Assistant?".into(),
        text: "It must have no keys. Its usage stays in the reports.".into(),
        action: paths::project_delete(org, id),
        fields: vec![],
        typed: Some("Assistant".into()),
        submit: "Delete",
        is_danger: true,
    });
    ProjectFormPage {
        frame: frame(
            if id.is_some() {
                "Assistant"
            } else {
                "Create project"
            },
            Section::Projects,
        ),
        organisation: org,
        id,
        name: Field::new("Name", "name").required(),
        limits: limits(),
        models: models(true),
        delete,
    }
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
        last_seen: (at != 3).then(|| ago(300)),
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
        action,
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
            "Search names",
            chips(&["All", "Keys", "Members", "Tokens", "Settings"], 0),
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
