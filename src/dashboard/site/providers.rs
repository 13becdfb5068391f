//! Providers and models, for operators.

use axum::Router;
use axum::routing::get;

use super::answer::{Answer, show};
use super::visitor::Visitor;
use crate::api::Api;
use crate::dashboard::components::{Pill, Time, Tone};
use crate::dashboard::format::{counted, exact_money, grouped};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{ModelRow, ProviderCard, ProvidersPage};
use crate::dashboard::paths;
use crate::management::Management;
use crate::management::catalog::ProviderView;

pub(super) fn routes() -> Router<Api> {
    Router::new().route(paths::OPERATOR_PROVIDERS, get(providers))
}

async fn providers(visitor: Visitor) -> Answer {
    let management = &visitor.management;
    management.operator(&visitor.signed)?;
    let names = management.catalog.names();
    let views = management.providers(&visitor.signed).into_iter();
    let models = names
        .iter()
        .filter_map(|(name, provider)| model(management, name, provider));
    show(&ProvidersPage {
        frame: visitor.bare_frame("Providers", Section::Providers),
        models: models.collect(),
        providers: views.map(|view| card(management, view, &names)).collect(),
    })
}

fn card(
    management: &Management,
    view: ProviderView,
    names: &[(String, std::sync::Arc<str>)],
) -> ProviderCard {
    let providers = management.catalog.providers();
    let found = providers
        .iter()
        .find(|provider| *provider.name == *view.name);
    let address = found.map(|provider| provider.models_uri().to_string());
    let own = names
        .iter()
        .filter(|(_, provider)| **provider == *view.name)
        .count();
    let own = i64::try_from(own).unwrap_or(i64::MAX);
    let health = view.health.as_ref();
    let (calls, failures) = health.map_or((0, 0), |health| (health.calls, health.failures));
    let pill = match (calls, failures) {
        (0, _) => Pill::new("No calls lately", Tone::Plain),
        (_, 0) => Pill::new("Healthy", Tone::Good),
        (calls, failures) if failures.saturating_mul(2) >= calls => Pill::new("Failing", Tone::Bad),
        _ => Pill::new("Some failures", Tone::Warning),
    };
    let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    let success = health.and_then(|health| health.last_success_at);
    let failure = health.and_then(|health| health.last_failure_at);
    ProviderCard {
        health: pill,
        base_url: address
            .unwrap_or_default()
            .trim_end_matches("/models")
            .to_owned(),
        models: counted(own, "model is listed", "models are listed"),
        facts: vec![
            ("Calls, 15 min", number(calls)),
            ("Failed", number(failures)),
            (
                "Answered since the start",
                if success.is_some() { "Yes" } else { "Not yet" }.to_owned(),
            ),
        ],
        failure: failure.map(|at| (Time::relative(at), "The latest failure".to_owned())),
        name: view.name,
    }
}

fn model(management: &Management, name: &str, provider: &str) -> Option<ModelRow> {
    let route = management.catalog.route(name)?;
    let price = route.facts.price;
    // Micro-USD a million tokens, as nano-USD.
    let money = |micro: i64| exact_money(micro.saturating_mul(1000));
    let dash = || "–".to_owned();
    Some(ModelRow {
        name: name.to_owned(),
        provider: provider.to_owned(),
        upstream: route.upstream.as_deref().unwrap_or(name).to_owned(),
        input: price.map_or_else(dash, |price| money(price.input)),
        output: price.map_or_else(dash, |price| money(price.output)),
        most_output: route.facts.max_output_tokens.map_or_else(dash, grouped),
    })
}
