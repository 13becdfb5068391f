//! Clients that call until they are refused for good, and wait as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::site::{Key, Process};
use crate::support::client::{CHAT, Client};

/// See the module.
pub struct Persistent {
    clients: Vec<JoinHandle<()>>,
    count: Arc<Count>,
}

#[derive(Default)]
struct Count {
    served: AtomicUsize,
    told_to_wait: AtomicUsize,
}

impl Persistent {
    /// `count` clients, which share `processes`.
    pub fn start(processes: &[Process], key: &Key, body: &str, count: usize) -> Self {
        let tasks = TaskTracker::new();
        let counted = Arc::new(Count::default());
        let start = |place: usize| {
            let client = processes[place % processes.len()].client.clone();
            let counted = Arc::clone(&counted);
            tasks.spawn(persist(
                client,
                key.secret.clone(),
                body.to_owned(),
                counted,
            ))
        };
        Self {
            clients: (0..count).map(start).collect(),
            count: Arc::clone(&counted),
        }
    }

    /// How often one of them was told to wait.
    pub fn told_to_wait(&self) -> usize {
        self.count.told_to_wait.load(Ordering::Relaxed)
    }

    /// Waits until all are refused for good; how many calls were served.
    pub async fn finish(self) -> usize {
        for client in self.clients {
            client.await.unwrap();
        }
        self.count.served.load(Ordering::Relaxed)
    }
}

async fn persist(client: Client, secret: String, body: String, count: Arc<Count>) {
    loop {
        let reply = client.post(CHAT, &secret, &body).await;
        if reply.status == 200 {
            count.served.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        if reply.code() == "insufficient_quota" {
            return;
        }
        reply.assert_refused(429, "quota_held");
        count.told_to_wait.fetch_add(1, Ordering::Relaxed);
        let wait = reply.header("retry-after-ms").unwrap();
        tokio::time::sleep(Duration::from_millis(wait.parse().unwrap())).await;
    }
}
