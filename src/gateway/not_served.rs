//! Answers for what is not here: unknown routes, other methods, and WebSocket upgrades, which must
//! get 426 so that clients fall back to `POST` at once (contract.md rule 12).

use std::task::{Context, Poll};

use futures_util::future::{Ready, ready};
use http::Response;
use http::header::UPGRADE;
use tower::Service;

use super::access_log::Call;
use super::answer::Answer;
use super::refusal::Refusal;

/// See the module.
#[derive(Clone)]
pub struct NotServed(Refusal);

impl NotServed {
    /// No such route.
    pub fn route() -> Self {
        Self(Refusal::NotFound)
    }

    /// The route takes `methods` only.
    pub fn method(methods: &'static str) -> Self {
        Self(Refusal::MethodNotAllowed(methods))
    }
}

impl Service<Box<Call>> for NotServed {
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Ready<Result<Response<Answer>, Refusal>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Box<Call>) -> Self::Future {
        let upgrade = call.head.headers.get(UPGRADE);
        let is_websocket =
            upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
        ready(Err(if is_websocket {
            Refusal::UpgradeRequired
        } else {
            self.0.clone()
        }))
    }
}
