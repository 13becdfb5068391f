//! `tollgate serve` as a supervisor runs it: ready, told to end, and never twice on one database.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Installation, failed};
use crate::provider::{EventStream, Gate, Provider, Usage, sse};
use crate::support::client::{CHAT, Client, chat_body};
use crate::support::db::TestDb;
use crate::support::running::Running;

const STREAM: &str = r#","stream":true"#;

impl Installation {
    /// A server in front of `provider`, with further `server` settings.
    pub(super) fn serve(&self, provider: &Provider, server: &str) -> Running {
        self.configure(provider, server);
        Running::start(&mut self.server())
    }

    pub(super) fn configure(&self, provider: &Provider, server: &str) {
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[[providers]]\nname = \"mock\"\n\
             base_url = \"{}\"\nmodels = [\"*\"]\n",
            provider.base_url()
        );
        std::fs::write(self.directory.path().join("tollgate.toml"), config).unwrap();
    }

    pub(super) fn server(&self) -> Command {
        let mut command = self.command();
        command.args(["serve", "--config", "tollgate.toml"]);
        command
    }

    pub(super) fn secret(&self) -> String {
        self.organisation("Acme");
        let line = ["key", "create", "--org", "Acme", "--name", "k"];
        self.json(&line)["secret"].as_str().unwrap().to_owned()
    }

    pub(super) fn calls(&self) -> Value {
        self.json(&["calls", "--org", "Acme"])["data"].clone()
    }
}

/// It ended as it was told, and said nothing but how to set up an installation that nobody has.
#[track_caller]
fn assert_ended_well(server: &mut Running) {
    let (status, errors) = server.ended();
    let mut failures = errors.lines().filter(|line| !line.contains("/set-up/"));
    assert_eq!((status.code(), failures.next()), (Some(0), None));
}

/// A provider whose streams wait in their middle.
async fn gated() -> (Provider, Gate) {
    let gate = Gate::closed();
    let behind = gate.clone();
    let provider = Provider::start(move |_| {
        let begun = EventStream::of([sse::chunk("12345678")]).gate(&behind);
        let usage = sse::usage(Usage::new(5, 6));
        let rest = [sse::finish("stop"), usage, sse::done()];
        rest.into_iter().fold(begun, EventStream::frame).finish()
    });
    (provider.await, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_readiness_first_then_lets_streams_finish_and_books_them() {
    let tollgate = Installation::new();
    let secret = tollgate.secret();
    let (provider, gate) = gated().await;
    let mut running = tollgate.serve(&provider, "shutdown_delay = \"1s\"");
    let address = running.address();
    let client = Client::new(address.parse().unwrap());
    let healthcheck = || {
        let mut command = tollgate.command();
        command.env("TOLLGATE_SERVER__LISTEN", &address);
        command.arg("healthcheck").output().unwrap()
    };
    assert!(healthcheck().status.success());
    let mut stream = client.open(CHAT, &secret, &chat_body(STREAM)).await;
    stream.next().await.unwrap();

    running.signal("TERM");
    running.says("stopping");
    assert_eq!(client.get("/readyz", "").await.status, 503);
    assert!(failed(1, &healthcheck()).contains("not ready"));
    let late = client.open(CHAT, &secret, &chat_body(STREAM)).await;
    assert_eq!(late.0.status(), 200);
    gate.release();
    for stream in [stream, late] {
        assert!(stream.read().await.text().ends_with("data: [DONE]\n\n"));
    }
    assert_ended_well(&mut running);
    let calls = tollgate.calls();
    let calls = calls.as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call["total_tokens"] == 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_streams_at_once_and_books_them() {
    let tollgate = Installation::new();
    let secret = tollgate.secret();
    let (provider, _gate) = gated().await;
    let mut running = tollgate.serve(&provider, "drain = \"1h\"\nshutdown_delay = \"1h\"");
    let client = Client::new(running.address().parse().unwrap());
    let mut stream = client.open(CHAT, &secret, &chat_body(STREAM)).await;
    stream.next().await.unwrap();
    running.signal("TERM");
    running.says("stopping");
    running.signal("INT");
    let rest = stream.read().await;
    assert!(rest.text().contains("\"shutting_down\""), "{}", rest.text());
    assert!(!rest.text().contains("[DONE]"));
    assert_eq!(running.ended().0.code(), Some(0));
    let calls = tollgate.calls();
    assert_eq!(calls.as_array().unwrap().len(), 1);
    assert_eq!(calls[0]["source"], "estimated");
}

/// An address of this machine that nobody has, to be waited for.
pub(super) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Waits until somebody listens there.
pub(super) fn until_open(address: SocketAddr) {
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody listens");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_keeps_no_server_from_ending() {
    let tollgate = Installation::new();
    let secret = tollgate.secret();
    let provider = Provider::honest().await;
    tollgate.configure(&provider, "");
    let address = free_address();
    let mut server = tollgate.server();
    server.env("RUST_LOG", "debug");
    let mut running = Running::unread(server.env("PORT", address.port().to_string()));
    until_open(address);
    let client = Client::new(address);
    // Half a kilobyte each: a pipe takes 64.
    for _ in 0..300 {
        assert_eq!(client.chat(&secret).await.status, 200);
    }
    running.signal("TERM");
    assert_ended_well(&mut running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_core_is_dumped() {
    let tollgate = Installation::new();
    let provider = Provider::honest().await;
    let running = tollgate.serve(&provider, "");
    running.address();
    let limits = format!("/proc/{}/limits", running.id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_its_database_refuses_says_where_to_look() {
    let tollgate = Installation::new();
    let database = TestDb::empty_postgres().await;
    tollgate.configure(&Provider::honest().await, "");
    let mut server = tollgate.server();
    server.env("DATABASE_URL", format!("{}_not", database.url));
    let (status, errors) = Running::start(&mut server).ended();
    assert_eq!(status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains("cannot use the database") && errors.contains("DATABASE_URL"),
        "{errors}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_database_file_has_one_server() {
    let tollgate = Installation::new();
    let provider = Provider::honest().await;
    let running = tollgate.serve(&provider, "");
    running.address();
    let (status, errors) = Running::start(&mut tollgate.server()).ended();
    assert_eq!(status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("another tollgate"), "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_share_a_postgres_database_and_even_a_data_directory() {
    let (one, other) = (Installation::new(), Installation::new());
    let database = TestDb::empty_postgres().await;
    let provider = Provider::honest().await;
    one.configure(&provider, "");
    other.configure(&provider, "");
    let server = |tollgate: &Installation| {
        let mut command = tollgate.server();
        Running::start(command.env("DATABASE_URL", &database.url))
    };
    let mut servers = [server(&one), server(&one), server(&other)];
    for server in &servers {
        let client = Client::new(server.address().parse().unwrap());
        assert_eq!(client.get("/readyz", "").await.status, 200);
    }
    for server in &mut servers {
        server.signal("TERM");
        assert_ended_well(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_read_on_their_own_listener_and_name_no_tenant() {
    let tollgate = Installation::new();
    let secret = tollgate.secret();
    let provider = Provider::honest().await;
    let running = tollgate.serve(&provider, "metrics_listen = \"127.0.0.1:0\"");
    let [gateway, metrics] = [(); 2].map(|()| running.client());

    assert_eq!(gateway.chat(&secret).await.status, 200);
    assert_eq!(gateway.get("/metrics", &secret).await.status, 404);
    let counted = r#"tollgate_calls_total{route="/v1/chat/completions",status="200"} 1"#;
    let text = until_counted(&metrics, counted).await;
    assert!(text.contains("tollgate_ready 1"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    for canary in ["Acme", &secret, &secret[..7]] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}

/// A call is counted when its answer has gone, which its client may know first.
async fn until_counted(metrics: &Client, line: &str) -> String {
    let began = Instant::now();
    loop {
        let text = metrics.get("/metrics", "").await.text().to_owned();
        if text.contains(line) {
            return text;
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{line} in {text}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
