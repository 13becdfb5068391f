//! One key's page.

use tollgate::dashboard::components::{
    ChartKind, Choice, Conflict, Control, Dialog, Difference, Field, Pill, Time, Tone, Unit,
};
use tollgate::dashboard::frame::Section;
use tollgate::dashboard::pages::{
    CallRow, CallsTab, ConfirmPage, KeyHead, KeyPage, KeyTab, LimitsTab, PreviousSecret, RateRow,
    Refusals, SettingsTab, UsageTab,
};
use tollgate::dashboard::paths;
use tollgate::domain::tenant::{KeyId, ProjectId};

use super::parts::{
    HOSTILE, ago, ahead, at, badge, budget, chart, chips, days, filters, frame, id, limits, models,
    organisation, pager, project, quota, refusals, stats,
};
use super::{Page, page};

pub fn pages() -> Vec<Page> {
    let org = organisation();
    let key = KeyId(id(20));
    let delete = ConfirmPage {
        frame: frame("Delete key", Section::Keys),
        dialog: dialogs().remove(2),
        back: paths::key(org, key),
    };
    vec![
        page(
            "key-usage",
            paths::key(org, key),
            &one("Production", usage()),
        ),
        page(
            "key-limits",
            paths::key_limits(org, key),
            &one("Production", limits_tab()),
        ),
        page(
            "key-calls",
            paths::key_calls(org, key),
            &one(HOSTILE[4], calls()),
        ),
        page(
            "key-refusals",
            paths::key_refusals(org, key),
            &one(HOSTILE[2], refusals_tab()),
        ),
        page(
            "key-settings",
            paths::key_settings(org, key),
            &one("Production", settings()),
        ),
        page(
            "key-overtaken",
            paths::key_settings(org, KeyId(id(21))),
            &one("Production", overtaken()),
        ),
        page("key-delete", paths::key_delete(org, key), &delete),
    ]
}

fn one(name: &str, tab: KeyTab) -> KeyPage {
    let frame = frame(name, Section::Keys);
    KeyPage {
        frame: if matches!(tab, KeyTab::Usage(_)) {
            frame.with_chart()
        } else {
            frame
        },
        head: KeyHead {
            organisation: organisation(),
            id: KeyId(id(20)),
            name: name.into(),
            key: badge("sk-AbCd…wxyz", "Active", Tone::Good),
            is_active: true,
            can_write: true,
            project: (ProjectId(id(70)), "Assistant".into()),
            created: ("Ada Lovelace".into(), Time::day(at(-40 * 86_400))),
            last_used: Some(ago(42)),
            quota: Some(quota(412_000, 36_000, 1_000_000, true)),
            expires_at: Some(ahead(50 * 86_400)),
            previous: Some(PreviousSecret {
                display: "sk-QrSt…ghij".into(),
                until: Time::exact(at(70_000)),
                calls: "3 calls".into(),
            }),
        },
        tab,
        dialogs: dialogs(),
    }
}

fn dialogs() -> Vec<Dialog> {
    let (org, key) = (organisation(), KeyId(id(20)));
    let grace = [
        ("0", "At once"),
        ("3600", "In an hour"),
        ("86400", "In a day"),
        ("604800", "In a week"),
    ];
    let grace = grace.map(|(value, name)| Choice::new(value, name)).to_vec();
    let dialog = |id, title: &str, text: &str, action, submit| Dialog {
        id,
        title: title.into(),
        text: text.into(),
        action,
        fields: vec![],
        typed: None,
        submit,
        is_danger: false,
    };
    vec![
        Dialog {
            is_danger: true,
            ..dialog(
                "disable",
                "Disable Production?",
                "Calls with it are refused within a second. It keeps its limits and its usage, and you can enable it again.",
                paths::key_disable(org, key),
                "Disable",
            )
        },
        Dialog {
            fields: vec![
                Field::new("The old secret stops", "grace")
                    .by(Control::Select(grace))
                    .value("86400")
                    .required(),
            ],
            ..dialog(
                "rotate",
                "Rotate Production",
                "The key gets a new secret, which is shown once. You will see how many calls still use the old one.",
                paths::key_rotate(org, key),
                "Rotate",
            )
        },
        Dialog {
            is_danger: true,
            typed: Some("Production".into()),
            ..dialog(
                "delete",
                "Delete Production?",
                "All its secrets stop within a second, for good. Its usage stays in the reports.",
                paths::key_delete(org, key),
                "Delete for good",
            )
        },
    ]
}

fn usage() -> KeyTab {
    KeyTab::Usage(UsageTab {
        ranges: chips(&["24 h", "7 d", "30 d"], 2),
        days: days(),
        stats: stats(),
        measures: chips(&["Tokens", "Requests", "Cost"], 0),
        chart: chart(
            "Tokens by model",
            ChartKind::Stacked,
            Unit::Tokens,
            &["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", HOSTILE[0]],
        ),
        sources: vec![
            ("Reported by the provider", "99.2%".into()),
            ("Estimated", "0.7%".into()),
            ("Cut short", "0.1%".into()),
        ],
    })
}

fn limits_tab() -> KeyTab {
    let rate = |name, scope, limit: &str, remaining: &str, full| RateRow {
        name,
        scope,
        limit: limit.into(),
        remaining: remaining.into(),
        full_at: full,
    };
    let mut near = quota(9_400_000, 120_000, 10_000_000, false);
    near.label = "Token quota of the project, a month".into();
    KeyTab::Limits(LimitsTab {
        budgets: vec![
            quota(412_000, 36_000, 1_000_000, false),
            near,
            budget("Budget of the organisation, a month", 50_000, 0, 50_000),
        ],
        rates: vec![
            rate("Requests a minute", "Key", "60", "48", Some(ahead(12))),
            rate(
                "Tokens a minute",
                "Project",
                "200,000",
                "141,220",
                Some(ahead(18)),
            ),
            rate("Calls at once", "Organisation", "100", "97", None),
        ],
    })
}

fn calls() -> KeyTab {
    let row = |number: i64| {
        let (word, tone) = [
            ("200", Tone::Good),
            ("200", Tone::Good),
            ("502 upstream_error", Tone::Bad),
            ("499 client left", Tone::Warning),
        ][usize::try_from(number % 4).unwrap_or(0)];
        let source = if number % 4 == 3 {
            Pill::new("estimated", Tone::Warning)
        } else {
            Pill::new("reported", Tone::Plain)
        };
        CallRow {
            at: Time::exact(at(-number * 37)),
            model: if number == 5 {
                HOSTILE[4].into()
            } else {
                "gpt-4o-mini".into()
            },
            status: Pill::new(word, tone),
            source,
            input: "1,204".into(),
            output: "388".into(),
            cost: "$0.0004".into(),
            duration: "1.24 s".into(),
            id: id(500 + u128::from(number.unsigned_abs())).to_string(),
        }
    };
    let org = organisation();
    KeyTab::Calls(CallsTab {
        filters: filters(
            paths::key_calls(org, KeyId(id(20))),
            "Model",
            chips(&["All", "Answered", "Refused", "Failed"], 0),
        ),
        rows: (0..12).map(row).collect(),
        pager: pager("12 calls"),
        is_narrowed: false,
    })
}

fn refusals_tab() -> KeyTab {
    KeyTab::Refusals(Refusals {
        rows: refusals(false),
        pager: pager("3 refusals in 7 days"),
    })
}

fn settings() -> KeyTab {
    KeyTab::Settings(SettingsTab {
        name: Field::new("Name", "name").required().value("Production"),
        project: project(),
        expiry: Field::new("Last day", "expires")
            .by(Control::Line("date"))
            .value("2027-01-15")
            .hint("Empty: it never expires."),
        limits: limits(),
        models: models(true),
        version: 4,
        conflict: None,
    })
}

fn overtaken() -> KeyTab {
    let KeyTab::Settings(tab) = settings() else {
        unreachable!("it was made right here");
    };
    let difference = |label, field, stored: &str, typed: &str| {
        Difference::between(label, field, stored.into(), typed.into())
    };
    let many =
        "gpt-4o, gpt-4o-mini, o3, o3-mini, claude-*, gemini-*, mistral-*, llama-* and 4 more";
    let differences = [
        difference("Name", "name", HOSTILE[4], "Production"),
        difference("Last day", "expires", "–", "2027-01-15"),
        difference(
            "Token quota",
            "quota",
            "No limit",
            "1,000,000 tokens a month",
        ),
        difference("Models", "models", many, "All"),
    ];
    KeyTab::Settings(SettingsTab {
        conflict: Some(Conflict {
            what: "key",
            differences: differences.into_iter().flatten().collect(),
            discard: paths::key_settings(organisation(), KeyId(id(20))),
        }),
        ..tab
    })
}
