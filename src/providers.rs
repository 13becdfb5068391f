//! Where calls go: the providers and models of the configuration, compiled once. Requests never
//! choose a host; routing reads the model's name and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::config::{Config, Model};
use crate::domain::encoding::Encoding;
use crate::domain::price::Price;

mod listing;
mod provider;

pub use listing::{Listing, fetch_listings};
pub use provider::{Provider, ProviderError};

/// What may be assumed about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFacts {
    /// The most output tokens of one completion.
    pub max_output_tokens: Option<i64>,
    /// The most tokens that a provider can add to a prompt by itself.
    pub context_window: Option<i64>,
    /// Tokens counted for an image, sound or file.
    pub part_tokens: i64,
    /// Tokens that the provider adds to every prompt.
    pub prompt_overhead: i64,
    /// The tokenizer that counts its prompts.
    pub encoding: Option<Encoding>,
    /// Whether it thinks in tokens that nobody sees.
    pub reasoning: bool,
    /// What it costs.
    pub price: Option<Price>,
}

/// Where a model is served and under which name.
#[derive(Clone)]
pub struct Route {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The provider's name for the model, if it differs from the client's.
    pub upstream: Option<Arc<str>>,
    /// What may be assumed about it.
    pub facts: Arc<ModelFacts>,
}

/// Where calls go at present; read anew when an operator asks for it. Calls that began keep the
/// provider they were sent to.
pub struct Catalog {
    routes: ArcSwap<Routes>,
    replaced: Notify,
}

/// All routes of one reading of the configuration.
struct Routes {
    providers: Vec<Arc<Provider>>,
    models: HashMap<String, Route>,
    /// For models that only a provider's pattern names.
    undeclared: [Arc<ModelFacts>; 3],
}

impl Catalog {
    /// Compiles the configuration's providers and models.
    pub fn build(config: &Config) -> Result<Self, ProviderError> {
        Ok(Self {
            routes: ArcSwap::from_pointee(Routes::build(config)?),
            replaced: Notify::new(),
        })
    }

    /// Takes the providers and models of `config` instead; those with a mistake change nothing.
    pub fn replace(&self, config: &Config) -> Result<(), ProviderError> {
        self.routes.store(Arc::new(Routes::build(config)?));
        self.replaced.notify_one();
        Ok(())
    }

    /// Where `model` is served: by its own entry, else by the first provider with a pattern for it.
    pub fn route(&self, model: &str) -> Option<Route> {
        self.routes.load().route(model)
    }

    /// All providers.
    pub fn providers(&self) -> Vec<Arc<Provider>> {
        self.routes.load().providers.clone()
    }

    /// The names that can be listed: declared models, providers' exact names, and what providers
    /// list themselves. Sorted, each once, with the provider that serves it.
    pub fn names(&self) -> Vec<(String, Arc<str>)> {
        self.routes.load().names()
    }
}

impl Routes {
    fn build(config: &Config) -> Result<Self, ProviderError> {
        let providers = config.providers.iter().map(Provider::build);
        let providers: Vec<Arc<Provider>> = providers
            .map(|built| built.map(Arc::new))
            .collect::<Result<_, _>>()?;
        let mut models = HashMap::new();
        for model in &config.models {
            let named = |provider: &&Arc<Provider>| *provider.name == *model.provider;
            if let Some(provider) = providers.iter().find(named) {
                models.insert(model.name.clone(), Route::declared(model, provider));
            }
        }
        Ok(Self {
            providers,
            models,
            undeclared: [None, Some(Encoding::O200k), Some(Encoding::Cl100k)]
                .map(|encoding| Arc::new(ModelFacts::undeclared(encoding))),
        })
    }

    fn route(&self, model: &str) -> Option<Route> {
        if let Some(route) = self.models.get(model) {
            return Some(route.clone());
        }
        let provider = self
            .providers
            .iter()
            .find(|provider| provider.serves(model))?;
        let encoding = provider.encoding(model);
        let mut undeclared = self.undeclared.iter();
        let facts = undeclared.find(|facts| facts.encoding == encoding)?;
        Some(Route {
            provider: Arc::clone(provider),
            upstream: None,
            facts: Arc::clone(facts),
        })
    }

    fn names(&self) -> Vec<(String, Arc<str>)> {
        let declared = self.models.iter();
        let mut names: Vec<(String, Arc<str>)> = declared
            .map(|(name, route)| (name.clone(), Arc::clone(&route.provider.name)))
            .collect();
        for provider in &self.providers {
            let own = provider.names().into_iter();
            names.extend(own.map(|name| (name, Arc::clone(&provider.name))));
        }
        // Stable: of two entries with one name the declared one, then the first provider's, stays.
        names.sort_by(|one, other| one.0.cmp(&other.0));
        names.dedup_by(|one, other| one.0 == other.0);
        names
    }
}

impl Route {
    fn declared(model: &Model, provider: &Arc<Provider>) -> Self {
        let upstream = model.upstream();
        Self {
            provider: Arc::clone(provider),
            upstream: (upstream != model.name).then(|| upstream.into()),
            facts: Arc::new(ModelFacts::of(model, provider)),
        }
    }
}

impl ModelFacts {
    fn of(model: &Model, provider: &Provider) -> Self {
        let named = model.tokenizer.as_deref();
        let encoding = named.map_or_else(|| provider.encoding(model.upstream()), Encoding::parse);
        Self {
            encoding,
            max_output_tokens: model.max_output_tokens,
            context_window: model.context_window,
            part_tokens: model.part_tokens,
            prompt_overhead: model.prompt_overhead,
            reasoning: model.reasoning,
            price: model.price,
        }
    }

    fn undeclared(encoding: Option<Encoding>) -> Self {
        Self {
            encoding,
            max_output_tokens: None,
            context_window: None,
            part_tokens: 4096,
            prompt_overhead: 0,
            reasoning: false,
            price: None,
        }
    }
}
