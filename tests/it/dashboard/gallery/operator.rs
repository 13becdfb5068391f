//! What the operator sees.

use tollgate::dashboard::components::{Dialog, Field, Pill, Tone};
use tollgate::dashboard::frame::Section;
use tollgate::dashboard::pages::{
    ModelRow, OrganisationFormPage, OrganisationRow, OrganisationsPage, ProviderCard, ProvidersPage,
};
use tollgate::dashboard::paths;
use tollgate::domain::tenant::OrganisationId;

use super::parts::{HOSTILE, ago, filters, frame, id, limits, organisation, pager, quota};
use super::{Page, page};

pub fn pages() -> Vec<Page> {
    vec![
        page("organisations", paths::operator_orgs(), &organisations()),
        page("organisation-new", paths::operator_org_new(), &form(None)),
        page(
            "organisation",
            paths::operator_org(organisation()),
            &form(Some((organisation(), true))),
        ),
        page("providers", paths::operator_providers(), &providers()),
    ]
}

fn organisations() -> OrganisationsPage {
    let row = |(at, name): (u128, &str)| OrganisationRow {
        id: OrganisationId(id(1 + at)),
        name: name.into(),
        status: if at == 2 {
            Pill::new("Suspended", Tone::Bad)
        } else {
            Pill::new("Active", Tone::Good)
        },
        keys: "42".into(),
        requests: "184,203".into(),
        tokens: "92.4M".into(),
        cost: "$412.87".into(),
        quota: (at != 1).then(|| quota(640_000, 4_000, 1_000_000, true)),
    };
    OrganisationsPage {
        frame: frame("Organisations", Section::Organisations),
        filters: filters(paths::operator_orgs(), "Search organisations", vec![]),
        rows: (0..)
            .zip(["Acme Robotics", HOSTILE[0], HOSTILE[2], HOSTILE[4]])
            .map(row)
            .collect(),
        pager: pager("4 organisations"),
    }
}

fn form(existing: Option<(OrganisationId, bool)>) -> OrganisationFormPage {
    let suspend = existing.map(|(id, _)| Dialog {
        id: "suspend",
        title: "Suspend Acme Robotics?".into(),
        text: "All its keys are refused within a second. You can resume it.".into(),
        action: paths::operator_org_suspend(id),
        fields: vec![],
        typed: Some("Acme Robotics".into()),
        submit: "Suspend",
        is_danger: true,
    });
    OrganisationFormPage {
        frame: frame(
            if existing.is_some() {
                "Acme Robotics"
            } else {
                "Create organisation"
            },
            Section::Organisations,
        ),
        existing,
        name: Field::new("Name", "name")
            .required()
            .value(existing.map_or("", |_| "Acme Robotics")),
        owner: existing.is_none().then(|| {
            Field::new("Owner's e-mail", "email").hint("You get a link to hand on to them.")
        }),
        limits: limits(),
        version: existing.map(|_| 3),
        conflict: None,
        suspend,
    }
}

fn providers() -> ProvidersPage {
    let card = |name: &str, health, failure| ProviderCard {
        name: name.into(),
        health,
        base_url: format!("https://api.{name}.example/v1"),
        models: "4 models are listed".into(),
        facts: vec![
            ("Calls, 15 min", "12,402".into()),
            ("Failed", "0.1%".into()),
            ("Answered since the start", "Yes".into()),
        ],
        failure,
    };
    let model = |name: &str, provider: &str| ModelRow {
        name: name.into(),
        provider: provider.into(),
        upstream: "gpt-4o-mini".into(),
        input: "$0.15".into(),
        output: "$0.60".into(),
        most_output: "16,384".into(),
    };
    ProvidersPage {
        frame: frame("Providers", Section::Providers),
        providers: vec![
            card("openai", Pill::new("Healthy", Tone::Good), None),
            card(
                "anthropic",
                Pill::new("Failing", Tone::Bad),
                Some((ago(60), "503 service unavailable".into())),
            ),
            card("mistral", Pill::new("Not called yet", Tone::Plain), None),
        ],
        models: vec![model("fast", "openai"), model("gpt-4o", "openai")],
    }
}
