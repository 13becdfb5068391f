//! One credential → the caller it belongs to. Garbage is refused by its checksum without a look-up;
//! what depends on time is checked on every call, not when the key was read.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tower::{Layer, Service};

use super::access_log::{Answering, Call};
use super::answer::Answer;
use super::refusal::Refusal;
use crate::cache::{Caller, Callers, LookupError};
use crate::domain::key::SecretHash;
use crate::domain::tenant::{KeyStatus, OrganisationStatus};
use crate::domain::time::Timestamp;

/// A call whose caller is proved.
pub struct Known {
    /// The call.
    pub call: Box<Call>,
    /// Who makes it.
    pub caller: Arc<Caller>,
}

/// See the module.
#[derive(Clone)]
pub struct AuthenticateLayer(Arc<Callers>);

/// See the module.
#[derive(Clone)]
pub struct Authenticate<S> {
    callers: Arc<Callers>,
    inner: S,
}

/// Proves callers by what `callers` knows.
pub fn layer(callers: &Arc<Callers>) -> AuthenticateLayer {
    AuthenticateLayer(Arc::clone(callers))
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate {
            callers: Arc::clone(&self.0),
            inner,
        }
    }
}

impl<S> Service<Box<Call>> for Authenticate<S>
where
    S: Service<Known, Response = Response<Answer>, Error = Refusal, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Box<Call>) -> Answering {
        let callers = Arc::clone(&self.callers);
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let secret = presented(&call.head.headers)?;
            let caller = callers.find(&secret).await.map_err(unproved)?;
            call.record.caller(&caller);
            check_standing(&caller, call.at)
                .inspect_err(|refusal| caller.refused(call.id, call.at, refusal.code(), None))?;
            inner.call(Known { call, caller }).await
        })
    }
}

/// Proves the caller of a call anew that took its time to come: its key may have been revoked or
/// limited meanwhile.
pub async fn again(
    callers: &Callers,
    caller: &Caller,
    now: Timestamp,
) -> Result<Arc<Caller>, Refusal> {
    let caller = callers.find(&caller.secret).await.map_err(unproved)?;
    check_standing(&caller, now)?;
    Ok(caller)
}

/// The hash of the key that a request carries, if it has the shape of one.
fn presented(headers: &HeaderMap) -> Result<SecretHash, Refusal> {
    SecretHash::of(credential(headers)?).ok_or(Refusal::InvalidKey)
}

fn unproved(error: LookupError) -> Refusal {
    match error {
        LookupError::Unknown => Refusal::InvalidKey,
        LookupError::Unavailable => Refusal::AuthUnavailable,
    }
}

/// The one credential of a request. The same key in two different headers is fine, because some
/// tools send both; everything else that is ambiguous is refused.
fn credential(headers: &HeaderMap) -> Result<&[u8], Refusal> {
    let bearer = single(headers, AUTHORIZATION.as_str())?
        .map(bearer_token)
        .transpose()?;
    let mut found = bearer;
    for name in ["x-api-key", "api-key"] {
        let Some(value) = single(headers, name)? else {
            continue;
        };
        if found.is_some_and(|other| other != value.as_bytes()) {
            return Err(Refusal::ConflictingCredentials);
        }
        found = Some(value.as_bytes());
    }
    found.ok_or(Refusal::InvalidKey)
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Refusal::ConflictingCredentials),
        None => Ok(first),
    }
}

/// RFC 9110 §11.1: the scheme's name knows no case; spaces may follow it, tabs may not.
fn bearer_token(value: &HeaderValue) -> Result<&[u8], Refusal> {
    let (scheme, rest) = value
        .as_bytes()
        .split_at_checked(6)
        .ok_or(Refusal::InvalidKey)?;
    let token = rest.trim_ascii_start();
    let spaces = rest.len() - token.len();
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer") && spaces > 0;
    let only_spaces = rest.iter().take(spaces).all(|byte| *byte == b' ');
    (is_bearer && only_spaces)
        .then_some(token)
        .ok_or(Refusal::InvalidKey)
}

/// Says why a key is refused only now that its secret proved right.
fn check_standing(caller: &Caller, now: Timestamp) -> Result<(), Refusal> {
    if caller.grace_until.is_some_and(|until| until <= now) {
        return Err(Refusal::InvalidKey);
    }
    if caller.status == KeyStatus::Disabled {
        return Err(Refusal::KeyDisabled);
    }
    if caller.expires_at.is_some_and(|at| at <= now) {
        return Err(Refusal::KeyExpired);
    }
    if caller.organisation_status == OrganisationStatus::Suspended {
        return Err(Refusal::OrganisationSuspended);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&'static str, &'static str)]) -> Result<Vec<u8>, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        credential(&headers).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_scheme_knows_no_case_and_takes_two_spaces() {
        for value in ["Bearer k", "bearer k", "BEARER k", "Bearer  k"] {
            assert_eq!(
                read(&[("authorization", value)]),
                Ok(b"k".to_vec()),
                "{value}"
            );
        }
    }

    #[test]
    fn other_schemes_tabs_and_bare_keys_are_no_credential() {
        for value in [
            "Basic k",
            "Token k",
            "k",
            "Bearer\tk",
            "Bearer",
            "Bearerk",
            "",
        ] {
            assert_eq!(
                read(&[("authorization", value)]),
                Err(Refusal::InvalidKey),
                "{value}"
            );
        }
    }

    #[test]
    fn the_same_key_in_two_headers_is_accepted() {
        assert_eq!(
            read(&[("authorization", "Bearer k"), ("x-api-key", "k")]),
            Ok(b"k".to_vec())
        );
        assert_eq!(read(&[("api-key", "k")]), Ok(b"k".to_vec()));
    }

    #[test]
    fn two_keys_or_two_lines_conflict() {
        let conflicts: [&[(&str, &str)]; 3] = [
            &[("authorization", "Bearer a"), ("x-api-key", "b")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
            &[("x-api-key", "a"), ("api-key", "b")],
        ];
        for fields in conflicts {
            assert_eq!(read(fields), Err(Refusal::ConflictingCredentials));
        }
    }
}
