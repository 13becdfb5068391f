//! All keys, the form that makes one, and its secret.

use tollgate::dashboard::components::{
    Choice, Column, Control, CopyField, Field, Head, Order, Snippet, Time, Tone,
};
use tollgate::dashboard::frame::Section;
use tollgate::dashboard::pages::{KeyFormPage, KeyRow, KeysPage, SecretPage};
use tollgate::dashboard::paths;
use tollgate::domain::tenant::{KeyId, ProjectId};

use super::parts::{
    HOSTILE, ago, at, badge, counted, curl, empty_keys, filters, frame, id, limits, models,
    organisation, pager, project, quota, sparkline,
};
use super::{Page, page};

pub fn pages() -> Vec<Page> {
    let org = organisation();
    vec![
        page("keys", paths::keys(org), &keys(false)),
        page("keys-none", "/keys-none", &keys(true)),
        page("key-new", paths::key_new(org), &form()),
        page("key-secret", "/key-secret", &secret()),
    ]
}

fn keys(is_empty: bool) -> KeysPage {
    let org = organisation();
    let head = Head {
        columns: vec![
            Column::silent("Tick"),
            Column::text("Name").sorts("?sort=name"),
            Column::text("Project"),
            Column::text("Models"),
            Column::number("Req/min"),
            Column::text("Quota").sorts("?sort=quota"),
            Column::text("Last used")
                .sorts("?sort=-last_used")
                .in_order(Order::Descending),
            Column::text("Tokens, 30 d"),
            Column::text("Created"),
        ],
    };
    let states = [
        ("Active", Tone::Good),
        ("Active", Tone::Good),
        ("Disabled", Tone::Plain),
        ("Expired", Tone::Bad),
        ("Expires soon", Tone::Warning),
    ];
    let names = ["Production", "Nightly evaluation"]
        .into_iter()
        .chain(HOSTILE)
        .chain(["CI", "Support bot"]);
    let row = |(at, name): (usize, &str)| {
        let number = i64::try_from(at).unwrap_or(0);
        let (word, tone) = states[at % states.len()];
        let used = [412_000, 930_000, 1_000_000, 88_100, 0][at % 5];
        KeyRow {
            id: KeyId(id(20 + at as u128)),
            name: name.into(),
            key: badge("sk-AbCd…wxyz", word, tone),
            project: (
                ProjectId(id(70)),
                if at == 5 { HOSTILE[4] } else { "Assistant" }.into(),
            ),
            models: ["All", "gpt-4o, claude-*", "gpt-4o-mini and 4 more"][at % 3].into(),
            per_minute: if at % 2 == 0 {
                "60".into()
            } else {
                "–".into()
            },
            quota: (at % 4 != 3).then(|| quota(used, 12_000, 1_000_000, true)),
            last_used: (at != 4).then(|| ago(40 + number * number * 4_000)),
            tokens: ["0", "9,412", "1.23M"][at % 3].into(),
            sparkline: sparkline(
                if at == 4 { 0 } else { number + 1 },
                if at == 4 { 1 } else { 14 },
            ),
            created: (
                if at % 2 == 0 {
                    "Ada Lovelace".into()
                } else {
                    "ci-bot (token)".into()
                },
                Time::day(super::parts::at(-number * 90_000)),
            ),
        }
    };
    KeysPage {
        frame: frame("Keys", Section::Keys),
        organisation: org,
        can_write: true,
        filters: filters(
            paths::keys(org),
            "Search keys",
            counted(
                &[
                    ("All", "10"),
                    ("Active", "8"),
                    ("Disabled", "2"),
                    ("Idle for 30 days", "1"),
                    ("Without limit", "3"),
                ],
                0,
            ),
        ),
        head,
        rows: names.enumerate().map(row).collect(),
        pager: pager("10 of 42 keys"),
        empty: is_empty.then(empty_keys),
    }
}

fn form() -> KeyFormPage {
    let presets = [
        ("never", "Never"),
        ("30d", "In 30 days"),
        ("90d", "In 90 days"),
        ("365d", "In a year"),
        ("on", "On a day…"),
    ];
    let presets = presets
        .map(|(value, name)| Choice::new(value, name))
        .to_vec();
    KeyFormPage {
        frame: frame("Create key", Section::Keys),
        organisation: organisation(),
        once: id(50),
        name: Field::new("Name", "name")
            .required()
            .hint("For people: where the key is used.")
            .error("A key of this name exists."),
        project: project(),
        expiry: Field::new("Expires", "expiry")
            .by(Control::Select(presets))
            .value("90d")
            .required(),
        expiry_day: Field::new("Last day", "expiry_day")
            .by(Control::Line("date"))
            .hint("It works until the end of that day, UTC."),
        limits: limits(),
        models: models(false),
    }
}

fn secret() -> SecretPage {
    let snippet = |id, language, code: &str| Snippet {
        id,
        language,
        code: code.into(),
    };
    SecretPage {
        frame: frame("New key", Section::Keys),
        kind: "key",
        name: "Production".into(),
        secret: CopyField {
            id: "secret",
            label: "Secret",
            value: "sk-EXAMPLE-not-a-real-secret-00000000".into(),
        },
        snippets: vec![
            curl(),
            snippet(
                "python",
                "Python",
                "from openai import OpenAI\n\nclient = OpenAI(base_url=\"https://gate.acme.example/v1\", api_key=\"sk-EXAMPLE…\")\nanswer = client.chat.completions.create(\n    model=\"gpt-4o-mini\",\n    messages=[{\"role\": \"user\", \"content\": \"Hello\"}],\n)\nprint(answer.choices[0].message.content)",
            ),
            snippet(
                "node",
                "Node",
                "import OpenAI from \"openai\";\n\nconst client = new OpenAI({ baseURL: \"https://gate.acme.example/v1\", apiKey: \"sk-EXAMPLE…\" });",
            ),
            snippet(
                "powershell",
                "PowerShell",
                "Invoke-RestMethod https://gate.acme.example/v1/models -Headers @{ Authorization = \"Bearer sk-EXAMPLE…\" }",
            ),
            snippet(
                "cmd",
                "cmd",
                "curl https://gate.acme.example/v1/models -H \"Authorization: Bearer sk-EXAMPLE…\"",
            ),
        ],
        previous_until: Some(Time::exact(at(86_000))),
        next: paths::keys(organisation()),
    }
}
