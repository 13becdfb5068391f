//! The scripted provider: the tests' oracle.
//!
//! It speaks HTTP/1.1 by hand on plain sockets, so it can break every rule on purpose. For each
//! request a test's closure picks a [`Script`]; the provider plays it and keeps a [`Call`] of what
//! it got, which tokens it reported, and how the exchange ended. Tests wait for conditions, never
//! for time: every wait gives up after ten seconds and says what it was waiting for.

mod calls;
mod connection;
mod fixtures;
mod gate;
mod open_ai;
mod script;
mod seen;
pub mod sse;
mod streamed;
mod tests;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use calls::{Call, Ending, Usage};
pub use fixtures::{Fixture, fixtures};
pub use gate::Gate;
pub use open_ai::{completion, embedding, honest};
pub use script::{Answer, Script};
pub use seen::Seen;
pub use streamed::EventStream;

use calls::Calls;

/// A base URL at which nothing listens: the connection is refused.
pub const NOBODY: &str = "http://127.0.0.1:1/v1";

/// How long a wait may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a test decides for each request.
type Director = dyn Fn(&Seen) -> Script + Send + Sync;

/// A running provider; dropping it closes its port and every connection.
pub struct Provider {
    port: u16,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What the connections of a provider have in common.
struct Shared {
    director: Mutex<Arc<Director>>,
    calls: Calls,
    hold: Gate,
}

impl Provider {
    /// Starts on a free port; `director` decides what each request gets.
    pub async fn start(director: impl Fn(&Seen) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            director: Mutex::new(Arc::new(director)),
            calls: Calls::default(),
            hold: Gate::open(),
        });
        let stop = CancellationToken::new();
        let accept = accept(listener, Arc::clone(&shared), stop.clone());
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accept));
        Self {
            port,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// Starts one that answers every call as a well-behaved provider does.
    pub async fn honest() -> Self {
        Self::start(honest).await
    }

    /// Changes what requests get from now on.
    pub fn direct(&self, director: impl Fn(&Seen) -> Script + Send + Sync + 'static) {
        *self.shared.director.lock().unwrap() = Arc::new(director);
    }

    /// Where clients find it, `/v1` included.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Everything it got so far, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.all()
    }

    /// The request that arrived last.
    pub fn last(&self) -> Seen {
        let last = self.calls().pop();
        last.expect("the provider got at least one request").seen
    }

    /// The sum of the tokens it reported.
    pub fn reported(&self) -> Usage {
        self.calls().iter().filter_map(|call| call.reported).sum()
    }

    /// How many connections it accepted.
    pub fn connections(&self) -> usize {
        self.shared.calls.connections()
    }

    /// How many requests broke HTTP; a gateway must never send one.
    pub fn malformed(&self) -> usize {
        self.shared.calls.malformed()
    }

    /// Waits until it has got at least `count` calls; the gateway's asking for its models is none.
    pub async fn received(&self, count: usize) {
        let what = format!("{count} calls at the provider");
        let is_call = |call: &&Call| call.seen.method == http::Method::POST;
        self.shared
            .calls
            .until(&what, |calls| calls.iter().filter(is_call).count() >= count)
            .await;
    }

    /// Waits until the peer has left at least `count` answers unfinished.
    pub async fn cancelled(&self, count: usize) {
        self.ended(Ending::Cancelled, count).await;
    }

    /// Waits until at least `count` answers have been played to their end.
    pub async fn finished(&self, count: usize) {
        self.ended(Ending::Finished, count).await;
    }

    /// From now on, keeps every call (a POST) waiting before its script starts.
    pub fn hold(&self) {
        self.shared.hold.close();
    }

    /// Waits until exactly `count` requests are held.
    pub async fn waiting(&self, count: usize) {
        self.shared.hold.waiting(count).await;
    }

    /// How many requests are held now.
    pub fn held(&self) -> usize {
        self.shared.hold.held()
    }

    /// Lets all held requests go on, and later ones pass.
    pub fn release(&self) {
        self.shared.hold.release();
    }

    async fn ended(&self, ending: Ending, count: usize) {
        let what = format!("{count} calls to end as {ending:?}");
        let ended = |calls: &[Call]| calls.iter().filter(|c| c.ending == ending).count() >= count;
        self.shared.calls.until(&what, ended).await;
    }
}

impl Shared {
    fn script_for(&self, seen: &Seen) -> Script {
        let director = Arc::clone(&self.director.lock().unwrap());
        director(seen)
    }
}

/// Accepts until cancelled, each connection on a task that ends with the provider.
async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let number = shared.calls.connected();
        let connection = connection::serve(socket, number, Arc::clone(&shared));
        connections.spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

/// Waits for a condition, or fails the test.
async fn patiently<T>(what: &str, condition: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, condition).await;
    waited.unwrap_or_else(|_| panic!("gave up waiting for {what}"))
}
