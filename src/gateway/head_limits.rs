//! Refuses heads that the HTTP parser takes but that no client of ours sends: in the envelope, so
//! that their author can read why. No host decides anything here, but a proxy before this process
//! may have gone by one, so there is exactly one.

use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Response, Version, request};
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

impl<S> Service<Box<Call>> for HeadLimits<S>
where
    S: Service<Box<Call>, Response = Response<Answer>, Error = Refusal>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Either<S::Future, Ready<Result<Response<Answer>, Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, call: Box<Call>) -> Self::Future {
        match check(&call.head) {
            Ok(()) => Either::Left(self.0.call(call)),
            Err(refusal) => Either::Right(ready(Err(refusal))),
        }
    }
}

fn check(head: &request::Parts) -> Result<(), Refusal> {
    if !fits(&head.headers) {
        return Err(Refusal::HeadersTooLarge);
    }
    if !names_one_host(head) {
        return Err(Refusal::InvalidValue {
            param: "Host",
            expected: "the one host of the request, the same as in its target",
        });
    }
    Ok(())
}

fn fits(headers: &HeaderMap) -> bool {
    let field =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len();
    headers.len() <= FIELDS && headers.iter().map(field).sum::<usize>() <= BYTES
}

/// RFC 9112 §3.2: a request of HTTP/1.1 has one valid `Host`; a target with a host of its own, which
/// every request of HTTP/2 has, must not contradict it.
fn names_one_host(head: &request::Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let target = head.uri.authority();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.version != Version::HTTP_11,
        (Some(host), None) => {
            let agrees = |target: &str| target.as_bytes().eq_ignore_ascii_case(host.as_bytes());
            is_host(host) && target.is_none_or(|target| agrees(target.as_str()))
        }
        (Some(_), Some(_)) => false,
    }
}

/// A name or address, and perhaps a port: no path, no user, no blank.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%:[]".contains(byte);
    !bytes.is_empty() && bytes.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(version: Version, target: &str, hosts: &[&str]) -> bool {
        let mut request = http::Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn http_1_1_names_one_host() {
        let one = |hosts: &[&str]| accepts(Version::HTTP_11, "/v1/models", hosts);
        for host in ["gateway.example", "127.0.0.1:8080", "[::1]:8080", "a_b"] {
            assert!(one(&[host]), "{host}");
        }
        for host in ["", "a b", "user@host", "host/path", "a,b", "h\u{e9}st"] {
            assert!(!one(&[host]), "{host}");
        }
        assert!(!one(&[]) && !one(&["a", "a"]) && !one(&["a", "b"]));
        assert!(accepts(Version::HTTP_10, "/v1/models", &[]));
    }

    #[test]
    fn a_target_with_a_host_agrees_with_the_header() {
        let target = "http://gateway.example/v1/models";
        assert!(accepts(Version::HTTP_11, target, &["Gateway.example"]));
        assert!(!accepts(Version::HTTP_11, target, &["other.example"]));
        assert!(!accepts(Version::HTTP_11, target, &[]));
        assert!(accepts(Version::HTTP_2, target, &[]));
        assert!(!accepts(Version::HTTP_2, target, &["other.example"]));
    }
}
