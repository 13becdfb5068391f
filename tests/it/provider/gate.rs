//! A barrier in a script: the provider waits at it until the test opens it.

use std::sync::Arc;

use tokio::sync::watch;

use super::patiently;

/// A gate; clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<State>>);

#[derive(Clone, Copy)]
struct State {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A gate that lets nothing pass yet.
    pub fn closed() -> Self {
        Self::new(false)
    }

    /// A gate that lets everything pass until it is closed.
    pub fn open() -> Self {
        Self::new(true)
    }

    /// Lets all who wait go on, and later ones pass.
    pub fn release(&self) {
        self.0.send_modify(|state| state.open = true);
    }

    /// Lets nothing pass any more.
    pub fn close(&self) {
        self.0.send_modify(|state| state.open = false);
    }

    /// How many wait now.
    pub fn held(&self) -> usize {
        self.0.borrow().waiting
    }

    /// Waits until exactly `count` scripts wait here.
    pub async fn waiting(&self, count: usize) {
        let mut state = self.0.subscribe();
        let there = state.wait_for(|state| state.waiting == count);
        let what = format!("{count} scripts at a gate");
        patiently(&what, there)
            .await
            .expect("the gate outlives the wait");
    }

    /// Passes the gate as soon as it is open; used by scripts.
    pub(super) async fn pass(&self) {
        let mut state = self.0.subscribe();
        if state.borrow().open {
            return;
        }
        let _counted = Waiting::at(self);
        let _ = state.wait_for(|state| state.open).await;
    }

    fn new(open: bool) -> Self {
        Self(Arc::new(watch::Sender::new(State { open, waiting: 0 })))
    }
}

/// One who waits; leaving in any way takes it off the count.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn at(gate: &'a Gate) -> Self {
        gate.0.send_modify(|state| state.waiting += 1);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.waiting -= 1);
    }
}
