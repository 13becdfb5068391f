//! TLS holds bytes back that a connection took already.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::*;
use crate::upstream::connect::Connect;

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    folder.join(name)
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file("certificate.pem")).unwrap()
}

fn server() -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key);
    Arc::new(config.unwrap())
}

/// Less than TLS holds back.
const NARROW: usize = 8 * 1024;

/// A connection that takes little at once.
async fn narrow(address: &Uri) -> Box<Wire> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let connect = Connect::trusting(roots).unwrap();
    let io = connect.connect(address.clone()).await.unwrap();
    let MaybeHttpsStream::Https(tls) = &io else {
        panic!("it is TLS");
    };
    let (socket, _) = tls.inner().get_ref();
    let socket = SockRef::from(socket.inner().inner());
    socket.set_send_buffer_size(NARROW).unwrap();
    Wire::new(io)
}

/// Answers at once, and ends the answer when all `length` bytes of the request have come.
fn answer_first(listener: &TcpListener, length: usize) {
    let (socket, _) = listener.accept().unwrap();
    let connection = ServerConnection::new(server()).unwrap();
    let mut provider = StreamOwned::new(connection, socket);
    provider.read_exact(&mut [0; 64]).unwrap();
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    provider.write_all(head).unwrap();
    provider.read_exact(&mut vec![0; length - 64]).unwrap();
    provider.write_all(b"ok").unwrap();
}

#[tokio::test]
async fn a_provider_that_answers_first_gets_the_last_of_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = SockRef::from(&listener);
    socket.set_recv_buffer_size(NARROW).unwrap();
    let address = format!("https://{}/", listener.local_addr().unwrap());
    let origin = Arc::new(Origin::of(&address.parse().unwrap()));
    let request = request(&Bytes::from(vec![b'x'; 512 * 1024]));
    let head = head::of_request(&request, origin.host_field());
    let length = head.len() + request.body().len();
    let providing = std::thread::spawn(move || answer_first(&listener, length));
    let wire = narrow(&origin.address()).await;
    let calling = async {
        let response = wire.send(request, Arc::clone(&origin)).await;
        let response = response.unwrap_or_else(|_| panic!("it was answered"));
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let calling = tokio::time::timeout(std::time::Duration::from_secs(20), calling);
    assert_eq!(calling.await.expect("nothing is held back"), "ok");
    providing.join().unwrap();
}
