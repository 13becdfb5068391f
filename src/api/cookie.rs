//! The session's cookie. With an `https` address browsers hold it to that, and to this very host
//! (`__Host-`): nobody else can plant one.

use http::header::COOKIE as COOKIES;
use http::{HeaderMap, HeaderValue};

use crate::store::sessions;

/// Its name where the address is not `https`.
pub const COOKIE: &str = "tollgate_session";

/// Its name where it is.
const HOST_COOKIE: &str = "__Host-tollgate_session";

/// The secret of the session that a browser has.
pub(crate) fn read<'a>(headers: &'a HeaderMap, public_url: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIES).iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(name, _)| *name == name_of(public_url));
    found.map(|(_, secret)| secret)
}

/// Gives a browser a session. `None` for a secret that fits in no header, which none of ours is.
pub(crate) fn give(public_url: &str, secret: &str) -> Option<HeaderValue> {
    set(public_url, secret, sessions::LIFE.as_secs())
}

/// Takes it away again.
pub(crate) fn take(public_url: &str) -> Option<HeaderValue> {
    set(public_url, "", 0)
}

fn set(public_url: &str, secret: &str, seconds: u64) -> Option<HeaderValue> {
    let name = name_of(public_url);
    let secure = if is_secure(public_url) {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut cookie = HeaderValue::try_from(cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

fn name_of(public_url: &str) -> &'static str {
    if is_secure(public_url) {
        HOST_COOKIE
    } else {
        COOKIE
    }
}

fn is_secure(public_url: &str) -> bool {
    public_url
        .get(..8)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "http://127.0.0.1:8080";
    const SECURE: &str = "https://gate.example";

    #[test]
    fn the_flags_are_those_of_its_address() {
        let text = |cookie: Option<HeaderValue>| cookie.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text(give(SECURE, "x")),
            "__Host-tollgate_session=x; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            text(give(PLAIN, "x")),
            "tollgate_session=x; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"
        );
        assert!(text(take(SECURE)).contains("=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn a_planted_cookie_is_none_where_only_this_host_can_set_it() {
        let mut headers = HeaderMap::new();
        let both = "a=b; tollgate_session=planted; __Host-tollgate_session=own";
        headers.insert(COOKIES, HeaderValue::from_static(both));
        assert_eq!(read(&headers, SECURE), Some("own"));
        assert_eq!(read(&headers, PLAIN), Some("planted"));
        headers.insert(
            COOKIES,
            HeaderValue::from_static("tollgate_session=planted"),
        );
        assert_eq!(read(&headers, SECURE), None);
    }
}
