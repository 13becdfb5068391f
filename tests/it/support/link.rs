//! The way to a database server, which a test can cut and mend.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A relay in front of a database; cut at first.
pub struct Link {
    url: String,
    is_up: Arc<watch::Sender<bool>>,
    _stop: DropGuard,
}

impl Link {
    /// A link to the server of `url`, `postgres://user@host:port/name`.
    pub async fn to(url: &str) -> Self {
        let (before, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_up = Arc::new(watch::Sender::new(false));
        let stop = CancellationToken::new();
        let relaying = relay(listener, server.to_owned(), Arc::clone(&is_up));
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(relaying));
        Self {
            url: format!("{before}@{address}/{name}"),
            is_up,
            _stop: stop.drop_guard(),
        }
    }

    /// The database's address by way of this link.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Lets connections through.
    pub fn mend(&self) {
        self.is_up.send_replace(true);
    }

    /// Closes all connections, and new ones at once.
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }
}

async fn relay(listener: TcpListener, server: String, is_up: Arc<watch::Sender<bool>>) {
    let tasks = TaskTracker::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        if !*is_up.borrow() {
            continue;
        }
        let (server, mut state) = (server.clone(), is_up.subscribe());
        tasks.spawn(async move {
            let mut server = TcpStream::connect(server).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                _ = state.wait_for(|is_up| !is_up) => {}
            }
        });
    }
}
