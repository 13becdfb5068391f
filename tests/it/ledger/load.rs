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
    /// Calls numbered from `first` on.
    pub fn from(first: usize) -> Self {
        let load = Self::default();
        load.0.next.store(first, Ordering::Relaxed);
        load
    }

    /// Calls `client`'s gateway `rate` times a second, whether or not it answers, until it is gone.
    pub fn at_rate(&self, client: &Client, key: &Key, rate: usize) -> Clients {
        let is_over = Arc::new(AtomicBool::new(false));
        let calling = {
            let (load, is_over) = (self.clone(), Arc::clone(&is_over));
            let (client, secret) = (client.clone(), key.secret.clone());
            let (tasks, mut calls) = (TaskTracker::new(), Vec::new());
            async move {
                let every = Duration::from_secs(1) / u32::try_from(rate).unwrap();
                let mut due = tokio::time::interval(every);
                while !is_over.load(Ordering::Relaxed) {
                    due.tick().await;
                    let (load, is_over) = (load.clone(), Arc::clone(&is_over));
                    let (client, secret) = (client.clone(), secret.clone());
                    calls.push(tasks.spawn(async move {
                        if load.call(&client, &secret).await.is_refused {
                            is_over.store(true, Ordering::Relaxed);
                        }
                    }));
                }
                join_all(calls).await.into_iter().for_each(Result::unwrap);
            }
        };
        Clients {
            clients: vec![TaskTracker::new().spawn(calling)],
            is_over,
        }
    }

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
