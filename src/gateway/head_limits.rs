//! Refuses heads that the HTTP parser takes but that no client of ours needs: in the envelope, so
//! that its author can read why.

use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::{HeaderMap, Response};
use tower::{Layer, Service};

use super::access_log::Call;
use super::answer::Answer;
use super::refusal::Refusal;

const FIELDS: usize = 80;
const BYTES: usize = 48 * 1024;

/// See the module.
#[derive(Clone, Copy)]
pub struct HeadLimitsLayer;

/// See the module.
#[derive(Clone)]
pub struct HeadLimits<S>(S);

impl<S> Layer<S> for HeadLimitsLayer {
    type Service = HeadLimits<S>;

    fn layer(&self, inner: S) -> HeadLimits<S> {
        HeadLimits(inner)
    }
}

impl<S> Service<Call> for HeadLimits<S>
where
    S: Service<Call, Response = Response<Answer>, Error = Refusal>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Either<S::Future, Ready<Result<Response<Answer>, Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        if fits(&call.head.headers) {
            Either::Left(self.0.call(call))
        } else {
            Either::Right(ready(Err(Refusal::HeadersTooLarge)))
        }
    }
}

fn fits(headers: &HeaderMap) -> bool {
    let field =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len();
    headers.len() <= FIELDS && headers.iter().map(field).sum::<usize>() <= BYTES
}
