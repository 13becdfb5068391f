//! `GET /livez` and `GET /readyz`: whether the process runs, and whether it can serve. They say
//! nothing else, because anyone may ask.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Ready, ready};
use http::{Response, StatusCode};
use tower::Service;

use super::access_log::Call;
use super::answer::Answer;
use super::refusal::Refusal;
use crate::lifecycle::Lifecycle;

/// See the module.
#[derive(Clone)]
pub enum Probe {
    /// The process runs.
    Live,
    /// It can serve.
    Ready(Arc<Lifecycle>),
}

impl Service<Box<Call>> for Probe {
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Ready<Result<Response<Answer>, Refusal>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Box<Call>) -> Self::Future {
        let is_ready = match self {
            Self::Live => true,
            Self::Ready(lifecycle) => lifecycle.is_ready(),
        };
        let (status, text) = if is_ready {
            (StatusCode::OK, "ok\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        };
        let mut response = Response::new(Answer::full(text));
        *response.status_mut() = status;
        ready(Ok(response))
    }
}
