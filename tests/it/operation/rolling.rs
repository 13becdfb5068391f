//! Two gateways behind a real nginx, which is configured as `docs/operations.md` says: one after the other
//! is stopped and started again, and no client notices.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::report;
use crate::ledger::load::Load;
use crate::ledger::site::{Machine, Process, Site};
use crate::ledger::{few_or_many, until};
use crate::support::client::Client;
use crate::support::db::TestDb;
use crate::support::running::Running;

const PAGE: &str = include_str!("../../../docs/operations.md");
/// The addresses that the page has.
const GATEWAYS: [&str; 2] = ["10.0.0.1:8080", "10.0.0.2:8080"];

/// nginx before two gateways; killed when the test ends.
struct Nginx {
    client: Client,
    _running: Running,
    _directory: TempDir,
}

/// An address that is free and that the kernel gives to nobody who asks for any.
fn free_address() -> SocketAddr {
    loop {
        let random = getrandom::u32().unwrap();
        let port = 20_000 + u16::try_from(random % 10_000).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The page's configuration, with these addresses.
fn configuration(listen: SocketAddr, gateways: [SocketAddr; 2]) -> String {
    let begin = PAGE.split_once("```nginx\n").unwrap().1;
    let mut stanza = begin.split_once("```").unwrap().0.to_owned();
    for (written, real) in GATEWAYS.iter().zip(gateways) {
        assert!(stanza.contains(written), "{stanza}");
        stanza = stanza.replace(written, &real.to_string());
    }
    let stanza = stanza.replace("listen 80;", &format!("listen {listen};"));
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log nginx-error.log;\n\
         events {{ worker_connections 1024; }}\nhttp {{\naccess_log off;\n\
         client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n{stanza}}}\n"
    )
}

impl Nginx {
    async fn before(gateways: [SocketAddr; 2]) -> Self {
        let directory = TempDir::new().unwrap();
        let listen = free_address();
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, configuration(listen, gateways)).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
        command.args([
            "-c",
            "exec nginx -p \"$0\" -c \"$1\" -e \"$0/nginx-error.log\"",
        ]);
        command.args([directory.path(), file.as_path()]);
        let running = Running::start(&mut command);
        until("nginx listens", async || TcpStream::connect(listen).is_ok()).await;
        Self {
            client: Client::new(listen),
            _running: running,
            _directory: directory,
        }
    }
}

async fn serve(machine: &Machine, address: SocketAddr) -> Process {
    let address = address.to_string();
    let server = [
        ("TOLLGATE_SERVER__LISTEN", address.as_str()),
        ("TOLLGATE_SERVER__SHUTDOWN_DELAY", "2s"),
    ];
    machine.serve_with(&server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_nginx_fails_no_call() {
    let (rounds, rate) = (few_or_many(1, 5), few_or_many(80, 300));
    let site = Site::numbered(TestDb::postgres().await, "").await;
    let key = site.budgeted_key();
    let machines = [site.machine(), site.machine()];
    let addresses = [free_address(), free_address()];
    let mut gateways = vec![
        serve(&machines[0], addresses[0]).await,
        serve(&machines[1], addresses[1]).await,
    ];
    let nginx = Nginx::before(addresses).await;
    let load = Load::default();
    let clients = load.at_rate(&nginx.client, &key, rate);
    for _ in 0..rounds {
        for place in 0..2 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let leaving = gateways.remove(0);
            leaving.signal("TERM");
            leaving.ended().await;
            gateways.push(serve(&machines[place], addresses[place]).await);
        }
    }
    clients.stop().await;
    gateways.into_iter().for_each(Process::stop);

    let made = load.made();
    let failed: Vec<_> = made.iter().filter(|made| made.usage.is_none()).collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:?}",
        failed.len(),
        made.len()
    );
    site.audit(&made).await.print("a rolling restart");
    assert_eq!(site.events().await.len(), made.len());
    report(&format!(
        "{rounds} rounds at {rate} calls/s: {} calls",
        made.len()
    ));
}
