//! `GET /v1/models` and `GET /v1/models/{id}`: what this key may call, and nothing else. One object
//! serves both worlds: OpenAI's fields with Anthropic's merged in (contract.md section 4).

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Ready, ready};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, Uri};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tower::Service;

use super::answer::Answer;
use super::authenticate::Known;
use super::refusal::Refusal;
use crate::cache::Caller;
use crate::providers::Catalog;

const PATH: &str = "/v1/models";

/// See the module.
#[derive(Clone)]
pub struct Models(Arc<Catalog>);

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
    r#type: &'static str,
    display_name: &'a str,
    created_at: &'static str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

impl Models {
    /// Lists what `catalog` serves.
    pub fn new(catalog: &Arc<Catalog>) -> Self {
        Self(Arc::clone(catalog))
    }

    fn answer(&self, uri: &Uri, caller: &Caller) -> Result<Response<Answer>, Refusal> {
        let rest = uri.path().strip_prefix(PATH).unwrap_or_default();
        match rest.strip_prefix('/') {
            None | Some("") => Ok(json(&self.list(caller))),
            Some(id) => self.one(id, caller),
        }
    }

    fn list(&self, caller: &Caller) -> Bytes {
        let names = self.0.names();
        let mine = names.iter().filter(|(name, _)| caller.may_call(name));
        let data: Vec<Model> = mine
            .map(|(name, provider)| Model::new(name, provider))
            .collect();
        let list = List {
            object: "list",
            first_id: data.first().map(|model| model.id),
            last_id: data.last().map(|model| model.id),
            has_more: false,
            data,
        };
        serde_json::to_vec(&list).unwrap_or_default().into()
    }

    /// Also models that no list names, as long as a pattern serves them: they can be called.
    fn one(&self, id: &str, caller: &Caller) -> Result<Response<Answer>, Refusal> {
        let id = percent_decode_str(id).decode_utf8_lossy();
        let route = self.0.route(&id).filter(|_| caller.may_call(&id));
        let route = route.ok_or_else(|| Refusal::ModelNotFound(id.chars().take(256).collect()))?;
        let model = Model::new(&id, &route.provider.name);
        Ok(json(&serde_json::to_vec(&model).unwrap_or_default().into()))
    }
}

impl<'a> Model<'a> {
    /// When a model was made is not known here; both worlds want a time.
    fn new(id: &'a str, provider: &'a str) -> Self {
        Self {
            id,
            object: "model",
            created: 0,
            owned_by: provider,
            r#type: "model",
            display_name: id,
            created_at: "1970-01-01T00:00:00Z",
        }
    }
}

impl Service<Known> for Models {
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Ready<Result<Response<Answer>, Refusal>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, known: Known) -> Self::Future {
        ready(self.answer(&known.call.head.uri, &known.caller))
    }
}

fn json(body: &Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer::full(body.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
