//! What the made-up pages share.

use tollgate::dashboard::components::{
    Change, Chart, ChartKind, Chip, Choice, Control, Empty, Field, Filters, KeyBadge, LimitFields,
    ModelChoice, ModelPicker, Pager, Pill, QuotaBar, Series, Snippet, Sparkline, Stat, Time, Told,
    Tone, Unit,
};
use tollgate::dashboard::frame::{Frame, Membership, Section, Viewer};
use tollgate::dashboard::pages::RefusalRow;
use tollgate::dashboard::paths;
use tollgate::domain::tenant::OrganisationId;
use tollgate::domain::time::Timestamp;
use uuid::Uuid;

/// Names that tenants may choose and that must not matter.
pub const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' </title>",
    "مفتاح الإنتاج\u{202e}abc",
    "{{7*7}} ${7*7} #{7*7}",
    "Averyveryveryverylongnamewithoutanyspaceinitthatgoesonandonandonuntilitreachesonehundredcharactersandmore",
    "=cmd|' /C calc'!A0",
];

/// One organisation for all pages.
pub fn organisation() -> OrganisationId {
    OrganisationId(id(1))
}

/// An id that stays.
pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a9b_0000_0000_0000 + number)
}

/// `seconds` after (or before) a time that the pictures are taken near to.
pub fn at(seconds: i64) -> Timestamp {
    let base = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs());
    Timestamp((i64::try_from(base).unwrap_or(0) + seconds) * 1_000_000)
}

pub fn ago(seconds: i64) -> Time {
    Time::relative(at(-seconds))
}

pub fn ahead(seconds: i64) -> Time {
    Time::relative(at(seconds))
}

pub fn frame(title: &str, section: Section) -> Frame {
    let here = Membership {
        id: organisation(),
        name: "Acme Robotics".into(),
        role: "owner",
        is_admin: true,
    };
    let others = HOSTILE.iter().zip(2..).map(|(name, number)| Membership {
        id: OrganisationId(id(number)),
        name: (*name).into(),
        role: "member",
        is_admin: false,
    });
    let organisations = [here.clone()].into_iter().chain(others.take(3)).collect();
    let viewer = Viewer {
        name: "Ada Lovelace".into(),
        email: "ada@acme.example".into(),
        is_operator: true,
        organisation: Some(here),
        organisations,
    };
    Frame::new(title, section, viewer)
}

pub fn chips(names: &[&str], on: usize) -> Vec<Chip> {
    let chip = |(at, name): (usize, &&str)| Chip {
        name: (*name).into(),
        address: format!("?show={at}"),
        count: None,
        is_on: at == on,
    };
    names.iter().enumerate().map(chip).collect()
}

pub fn counted(names: &[(&str, &str)], on: usize) -> Vec<Chip> {
    let mut chips = chips(&names.iter().map(|(name, _)| *name).collect::<Vec<_>>(), on);
    for (chip, (_, count)) in chips.iter_mut().zip(names) {
        chip.count = Some((*count).into());
    }
    chips
}

/// A course that looks like work days, always the same for a seed.
pub fn course(seed: i64, days: i64, size: i64) -> Vec<i64> {
    let value = |day: i64| {
        let wave = [62, 81, 95, 88, 74, 22, 15][usize::try_from(day % 7).unwrap_or(0)];
        let noise = (day * 7919 + seed * 104_729).rem_euclid(37);
        size * (wave + noise) / 120 * (days + day) / days / 2
    };
    (0..days).map(value).collect()
}

pub fn sparkline(seed: i64, days: i64) -> Sparkline {
    Sparkline {
        values: course(seed, days, 1000),
        label: format!("Requests in {days} days"),
    }
}

pub fn stats() -> Vec<Stat> {
    let stat = |label, value: &str, before, now, is_bad_when_more, seed| Stat {
        label,
        value: value.into(),
        change: Some(Change {
            before,
            now,
            is_bad_when_more,
            told: if is_bad_when_more {
                Told::InPoints
            } else {
                Told::AsPart
            },
        }),
        sparkline: sparkline(seed, 30),
    };
    vec![
        stat("Requests", "184,203", 164_000, 184_203, false, 1),
        stat("Tokens", "92.4M", 98_000, 92_400, false, 2),
        stat("Cost", "$412.87", 388, 412, false, 3),
        stat("Error rate", "0.6%", 50, 60, true, 4),
    ]
}

pub fn chart(title: &str, kind: ChartKind, unit: Unit, names: &[&str]) -> Chart {
    let series = |(seed, name): (i64, &&str)| Series {
        name: (*name).into(),
        values: course(seed, 30, 2_400_000 / (seed + 1)),
    };
    let labels = (0..30).map(|day| {
        at((day - 29) * 86_400)
            .datetime()
            .format("%-d %b")
            .to_string()
    });
    Chart {
        id: "usage",
        title: title.into(),
        kind,
        unit,
        row: "Day",
        labels: labels.collect(),
        series: (0..).zip(names).map(series).collect(),
    }
}

pub fn quota(used: i64, held: i64, amount: i64, is_compact: bool) -> QuotaBar {
    QuotaBar {
        label: if is_compact {
            String::new()
        } else {
            "Token quota of this key, a month".into()
        },
        unit: Unit::Tokens,
        used,
        held,
        amount,
        resets_at: Some(ahead(4 * 86_400)),
        is_compact,
    }
}

pub fn budget(label: &str, used: i64, held: i64, amount: i64) -> QuotaBar {
    const USD: i64 = 1_000_000_000;
    QuotaBar {
        label: label.into(),
        unit: Unit::Usd,
        used: used * USD / 100,
        held: held * USD / 100,
        amount: amount * USD / 100,
        resets_at: Some(ahead(4 * 86_400)),
        is_compact: false,
    }
}

pub fn badge(display: &str, word: &str, tone: Tone) -> KeyBadge {
    KeyBadge {
        display: display.into(),
        status: Some(Pill::new(word, tone)),
    }
}

pub fn filters(action: String, search: &'static str, chips: Vec<Chip>) -> Filters {
    Filters {
        action,
        search,
        query: String::new(),
        kept: vec![("status", "active".into())],
        chips,
    }
}

pub fn pager(shown: &str) -> Pager {
    Pager {
        shown: shown.into(),
        first: None,
        next: Some("?cursor=abc".into()),
    }
}

pub fn limits() -> LimitFields {
    let mut limits = LimitFields::default();
    limits.quota.value = "5000000".into();
    limits.rates[0].value = "60".into();
    limits
}

pub fn models(is_all: bool) -> ModelPicker {
    let names = [
        ("gpt-5.2", "openai"),
        ("gpt-5.2-mini", "openai"),
        ("gpt-4o", "openai"),
        ("gpt-4o-mini", "openai"),
        ("o4-mini", "openai"),
        ("text-embedding-3-large", "openai"),
        ("claude-opus-4-5", "anthropic"),
        ("claude-sonnet-4-5", "anthropic"),
        ("claude-haiku-4-5", "anthropic"),
        ("mistral-large-latest", "mistral"),
        ("fast", "openai"),
    ];
    let choice = |(at, (name, provider)): (usize, &(&str, &str))| ModelChoice {
        name: (*name).into(),
        provider: (*provider).into(),
        is_on: at % 4 == 1,
    };
    ModelPicker {
        is_all,
        models: names.iter().enumerate().map(choice).collect(),
        patterns: Field::new("Patterns", "patterns")
            .by(tollgate::dashboard::components::Control::Lines)
            .value("claude-*")
            .hint("One a line. A star stands for any characters: claude-* also allows what comes later."),
    }
}

pub fn curl() -> Snippet {
    Snippet {
        id: "curl",
        language: "curl",
        code: "curl https://gate.acme.example/v1/chat/completions \\\n  -H \"Authorization: Bearer $TOLLGATE_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{\"model\": \"gpt-4o-mini\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'".into(),
    }
}

pub fn empty_keys() -> Empty {
    Empty {
        icon: "key-round",
        title: "No key yet",
        text: "A key lets a program call models through this gateway, within the limits that you set.",
        action: Some((paths::key_new(organisation()), "Create key")),
        snippet: Some(curl()),
    }
}

pub fn refusals(with_key: bool) -> Vec<RefusalRow> {
    let key = |name: &str| with_key.then(|| (paths::key(organisation(), id(20)), name.to_owned()));
    let request_id = id(900).to_string();
    vec![
        RefusalRow {
            at: ago(95),
            code: "rate_limit_exceeded".into(),
            key: key("Production"),
            reason: "The key allows 60 requests a minute, and they were used up.".into(),
            rule: Some(("Requests a minute, of the key".into(), "60".into())),
            frees_at: Some(ahead(12)),
            otherwise: "",
            request_id: request_id.clone(),
        },
        RefusalRow {
            at: ago(1_900),
            code: "insufficient_quota".into(),
            key: key(HOSTILE[0]),
            reason: "The call could have cost 18,400 tokens, and only 1,204 of the project's quota were left.".into(),
            rule: Some(("Token quota, of the project".into(), "10,000,000 tokens a month".into())),
            frees_at: Some(ahead(4 * 86_400)),
            otherwise: "",
            request_id: request_id.clone(),
        },
        RefusalRow {
            at: ago(7_300),
            code: "model_not_found".into(),
            key: key("Nightly evaluation"),
            reason: "This key may not call claude-opus-4-5, or no provider serves it.".into(),
            rule: None,
            frees_at: None,
            otherwise: "When the key's models are edited",
            request_id,
        },
    ]
}

pub fn project() -> Field {
    let projects = vec![
        Choice::new("1", "Default"),
        Choice::new("2", "Assistant"),
        Choice::new("3", HOSTILE[4]),
    ];
    Field::new("Project", "project")
        .by(Control::Select(projects))
        .value("2")
        .required()
}

pub fn days() -> (Field, Field) {
    let day = |label, name, value| {
        Field::new(label, name)
            .by(Control::Line("date"))
            .value(value)
    };
    (
        day("From", "from", "2026-10-28"),
        day("to", "to", "2026-11-26"),
    )
}
