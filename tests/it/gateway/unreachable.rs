//! Providers that no call can reach: told within seconds, and nothing is charged.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tollgate::domain::usage::Source;

use crate::provider::{NOBODY, Provider};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

/// A call to a provider at `address` is refused in time, says nothing of it, and costs nothing.
async fn is_unreachable(address: &str) {
    let second = format!(
        "[[models]]\nname = \"gone\"\nprovider = \"gone\"\n\
         [[providers]]\nname = \"gone\"\nbase_url = \"{address}\"\nmodels = [\"gone\"]\n"
    );
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, &second).await;
    let key = app.key().await;
    let body = chat_body("").replace("\"m\"", "\"gone\"");
    let began = Instant::now();
    let answer = app.client.post(CHAT, &key.secret, &body).await;
    answer.assert_refused(502, "upstream_unreachable");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(7), "{took:?}");
    assert!(!answer.text().contains("127.0.0.1") && !answer.text().contains("invalid/"));
    let call = &app.booked(1).await[0];
    assert_eq!((call.total_tokens, call.source), (0, Source::None));
}

#[tokio::test]
async fn nobody_listens() {
    is_unreachable(NOBODY).await;
}

#[tokio::test]
async fn the_name_is_unknown() {
    is_unreachable("http://provider.invalid/v1").await;
}

#[tokio::test]
async fn what_listens_speaks_no_tls() {
    let plain = Provider::honest().await;
    is_unreachable(&plain.base_url().replace("http://", "https://")).await;
    assert!(plain.calls().is_empty());
}

#[tokio::test]
async fn the_handshake_never_ends() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    is_unreachable(&format!("https://{address}/v1")).await;
}

#[tokio::test]
async fn the_certificate_is_not_trusted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(self_signed())).unwrap();
        let shaken = tls.complete_io(&mut socket);
        let mut sent = Vec::new();
        let _ = tls.reader().read_to_end(&mut sent);
        (shaken.is_ok(), sent)
    });
    is_unreachable(&format!("https://{address}/v1")).await;
    let (_, sent) = serving.join().unwrap();
    assert!(sent.is_empty(), "nothing is sent to whom we do not trust");
}

fn self_signed() -> ServerConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    let certificate = CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

#[tokio::test]
async fn a_stream_whose_client_leaves_before_anything_is_connected_costs_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let second = format!(
        "[[models]]\nname = \"gone\"\nprovider = \"gone\"\n\
         [[providers]]\nname = \"gone\"\nbase_url = \"https://{address}/v1\"\nmodels = [\"gone\"]\n"
    );
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, &second).await;
    let key = app.key().await;
    let body = chat_body(r#","stream":true"#).replace("\"m\"", "\"gone\"");
    let client = app.client.clone();
    let call = tokio_util::task::TaskTracker::new().spawn(async move {
        client.open(CHAT, &key.secret, &body).await;
    });
    let connected = tokio::task::spawn_blocking(move || silent.accept());
    let _connected = connected.await.unwrap();
    call.abort();
    let call = &app.booked(1).await[0];
    assert_eq!((call.total_tokens, call.source), (0, Source::None));
}
