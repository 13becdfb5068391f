//! Connections to providers: one deadline for finding, reaching and trusting them. The connector's
//! own is for reaching them alone, and a resolver or a handshake may hang for much longer.

use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::{BoxError, Service as _};

const PATIENCE: Duration = Duration::from_secs(5);

/// A connection, with or without TLS.
pub(super) type Io = MaybeHttpsStream<TokioIo<TcpStream>>;

/// See the module.
pub(super) struct Connect(HttpsConnector<HttpConnector>);

impl Connect {
    /// Trusts the machine's certificates and Mozilla's.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        Self::trusting(roots())
    }

    pub(super) fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(PATIENCE));
        http.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        Ok(Self(https))
    }

    /// Connects to the host that `address` names.
    pub(super) async fn connect(&self, address: Uri) -> Result<Io, BoxError> {
        // Both connectors are always ready.
        let connecting = self.0.clone().call(address);
        tokio::time::timeout(PATIENCE, connecting).await?
    }
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
