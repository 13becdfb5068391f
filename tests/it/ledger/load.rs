//! Clients that make one numbered call after the other, until their gateway is gone or they are told
//! to stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::calls::{self, Made};
use super::site::{Key, Process};
use crate::support::client::Client;

/// A refused client waits so long, whatever it is told: these are no good clients.
const PAUSE: Duration = Duration::from_millis(20);

/// All calls that were made by a test.
#[derive(Clone, Default)]
pub struct Load(Arc<Book>);

#[derive(Default)]
struct Book {
    next: AtomicUsize,
    made: Mutex<Vec<Made>>,
}

/// Clients at work.
pub struct Clients {
    clients: Vec<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    /// `count` clients call `process`.
    pub fn on(&self, process: &Process, key: &Key, count: usize) -> Clients {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = TaskTracker::new();
        let start = |_| {
            let (load, is_over) = (self.clone(), Arc::clone(&is_over));
            let (client, secret) = (process.client.clone(), key.secret.clone());
            tasks.spawn(async move { load.press(&client, &secret, &is_over).await })
        };
        Clients {
            clients: (0..count).map(start).collect(),
            is_over,
        }
    }

    async fn press(&self, client: &Client, secret: &str, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            let made = self.call(client, secret).await;
            if made.status == 0 {
                return;
            }
            if !made.code.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Makes one call.
    pub async fn call(&self, client: &Client, secret: &str) -> Made {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let made = calls::make(client, secret, number).await;
        self.0.made.lock().unwrap().push(made.clone());
        made
    }

    /// All calls so far.
    pub fn made(&self) -> Vec<Made> {
        self.0.made.lock().unwrap().clone()
    }
}

impl Clients {
    /// Waits until they noticed that their gateway is gone.
    pub async fn gone(self) {
        for client in self.clients {
            client.await.unwrap();
        }
    }

    /// Tells them to stop and waits for their last calls.
    pub async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.gone().await;
    }
}
