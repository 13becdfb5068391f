//! What an organisation has besides keys.

use tollgate::dashboard::components::{ChartKind, Column, Dialog, Field, Head, Toast, Tone, Unit};
use tollgate::dashboard::frame::Section;
use tollgate::dashboard::pages::{
    NearQuota, OverviewPage, ProjectFormPage, ProjectRow, ProjectsPage, UsagePage, UsageRow,
};
use tollgate::dashboard::paths;
use tollgate::domain::tenant::ProjectId;

use super::parts::{
    HOSTILE, badge, chart, chips, days, empty_keys, frame, id, limits, models, organisation, quota,
    refusals, stats,
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
        ranges: chips(&["24 h", "7 d", "30 d", "This month"], 2),
        stats: stats(),
        budgets: vec![quota(640_000, 20_000, 1_000_000, false)],
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
                "o3-mini",
                "gpt-4.1-nano",
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
        is_compared: at == 0 || at == 2,
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
        ranges: chips(&["24 h", "7 d", "30 d", "This month"], 2),
        days: days(),
        stats: stats(),
        kept: vec![("by", "key".into())],
        kept_compared: vec![],
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
        listed: Some("100 largest keys".into()),
        csv: format!("/api/v1/orgs/{org}/usage.csv"),
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
        keys: (at + 2).to_string(),
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
        name: Field::new("Name", "name")
            .required()
            .value(id.map_or("", |_| "Assistant")),
        limits: limits(),
        models: models(true),
        version: id.map(|_| 2),
        conflict: None,
        delete,
    }
}
