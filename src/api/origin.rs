//! Where a request comes from: the nearest address that is no trusted proxy's.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use uuid::Uuid;

use super::Api;
use crate::config::AddressRange;
use crate::management::Origin;
use crate::server::Peer;

/// The id of a request, as its answer names it.
#[derive(Clone, Copy)]
pub(super) struct RequestId(pub(super) Uuid);

impl FromRequestParts<Api> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(of(parts, api))
    }
}

pub(super) fn of(parts: &Parts, api: &Api) -> Origin {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let forwarded = parts.headers.get_all("x-forwarded-for").iter();
    let forwarded: Vec<&str> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    Origin {
        address: peer.map(|peer| client(peer, &forwarded, &api.trusted_proxies)),
        request: parts.extensions.get::<RequestId>().map(|id| id.0),
    }
}

/// Each trusted hop vouches for the one before it, no further.
fn client(peer: IpAddr, forwarded: &[&str], trusted: &[AddressRange]) -> IpAddr {
    let mut address = peer.to_canonical();
    for hop in forwarded.iter().rev() {
        let is_trusted = trusted.iter().any(|range| range.contains(address));
        let Some(hop) = hop.trim().parse::<IpAddr>().ok().filter(|_| is_trusted) else {
            break;
        };
        address = hop.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_vouch_for_an_address() {
        let trusted = [AddressRange::try_from("10.0.0.0/8".to_owned()).unwrap()];
        let from = |peer: &str, forwarded: &[&str]| {
            client(peer.parse().unwrap(), forwarded, &trusted).to_string()
        };
        assert_eq!(from("9.9.9.9", &["1.1.1.1"]), "9.9.9.9");
        assert_eq!(from("10.0.0.1", &["1.1.1.1"]), "1.1.1.1");
        assert_eq!(from("10.0.0.1", &["6.6.6.6", " 1.1.1.1"]), "1.1.1.1");
        assert_eq!(from("10.0.0.1", &["1.1.1.1", "10.0.0.2"]), "1.1.1.1");
        assert_eq!(from("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }
}
