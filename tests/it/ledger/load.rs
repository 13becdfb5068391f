//! Clients that make one numbered call after the other, until they are told to stop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::PATIENCE;
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

/// Up to `most`.
pub fn random(most: Duration) -> Duration {
    most.mul_f64(f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX))
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

    /// How many calls were served to their end.
    pub fn served(&self) -> usize {
        let made = self.0.made.lock().unwrap();
        made.iter().filter(|made| made.usage.is_some()).count()
    }

    /// All calls so far.
    pub fn made(&self) -> Vec<Made> {
        self.0.made.lock().unwrap().clone()
    }
}

impl Clients {
    /// Tells them to stop and waits for their last calls. A gateway that is gone answers none, and
    /// whoever has its address by now is not asked for more.
    pub async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = timeout(PATIENCE, join_all(self.clients)).await;
        let ended = ended.expect("a call has no end");
        ended.into_iter().for_each(Result::unwrap);
    }
}
