//! What a supervisor sees of a server, and tells it.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::Installation;
use super::serve::{free_address, until_open};
use crate::provider::Provider;
use crate::support::client::{CHAT, chat_body};
use crate::support::running::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_is_told_when_calls_are_welcome_and_when_the_end_begins() {
    let tollgate = Installation::new();
    let provider = Provider::honest().await;
    tollgate.configure(&provider, "");
    let path = tollgate.directory.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    let patience = Some(Duration::from_secs(20));
    supervisor.set_read_timeout(patience).unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let length = supervisor.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut running = Running::start(tollgate.server().env("NOTIFY_SOCKET", &path));
    assert!(told().contains("READY=1"));
    running.signal("TERM");
    assert!(told().contains("STOPPING=1"));
    assert_eq!(running.ended().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reads_the_providers_again_and_a_mistake_changes_nothing() {
    let tollgate = Installation::new();
    let secret = tollgate.secret();
    let (first, second) = (Provider::honest().await, Provider::honest().await);
    let mut running = tollgate.serve(&first, "metrics_listen = \"127.0.0.1:0\"");
    let [client, metrics] = [(); 2].map(|()| running.client());
    let is_valid = async |figure: &str| {
        let text = metrics.get("/metrics", "").await.text().to_owned();
        assert!(
            text.contains(&format!("\ntollgate_config_valid {figure}\n")),
            "{text}"
        );
    };
    is_valid("1").await;
    let call = async || client.post(CHAT, &secret, &chat_body("")).await.status;
    assert_eq!(call().await, 200);

    let file = tollgate.directory.path().join("tollgate.toml");
    std::fs::write(&file, "[[providers]]\nname = 7\n").unwrap();
    running.signal("HUP");
    assert!(running.says("mistake").contains("name"));
    is_valid("0").await;
    assert_eq!(call().await, 200);
    let posts = |provider: &Provider| {
        let calls = provider.calls().into_iter();
        calls.filter(|call| call.seen.method == "POST").count()
    };
    assert_eq!(posts(&first), 2);

    tollgate.configure(&second, "");
    running.signal("HUP");
    running.says("read again");
    is_valid("1").await;
    assert_eq!(call().await, 200);
    assert_eq!((posts(&first), posts(&second)), (2, 1));
    running.signal("TERM");
    assert_eq!(running.ended().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_while_the_store_is_away_ends_nothing() {
    let tollgate = Installation::new();
    tollgate.configure(&Provider::honest().await, "");
    // It takes connections and never answers: the start takes as long as a connection is waited for.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u@{}/d", silent.local_addr().unwrap());
    let address = free_address();
    let mut server = tollgate.server();
    server.env("DATABASE_URL", url);
    let mut running = Running::start(server.env("PORT", address.port().to_string()));
    until_open(address);
    running.signal("HUP");
    let waiting = running.says("waiting for the store");
    assert!(waiting.contains("\"cause\":\"p"), "{waiting}");
    running.says("read again");
    running.signal("TERM");
    assert_eq!(running.ended().0.code(), Some(0));
}
