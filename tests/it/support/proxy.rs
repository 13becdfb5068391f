//! A TCP forwarder before a server, to take the server away: cut, so that every connection breaks
//! and new ones are closed; frozen, so that nothing moves; or stranded, so that the connections of
//! today never move again and nobody is told. Or only slow, so that each answer takes its time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::db::TestDb;

/// A running forwarder; it ends with the test's runtime.
pub struct Proxy {
    state: Arc<watch::Sender<State>>,
    accepted: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
struct State {
    mode: Mode,
    /// Connections of an earlier one are stranded.
    generation: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Cut,
    Frozen,
    /// Whatever the server says comes so much later.
    Slow(Duration),
}

/// Who says what is forwarded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

impl Proxy {
    /// Stands between `database`, a Postgres, and whoever uses its URL from now on.
    pub async fn before(database: &mut TestDb) -> Self {
        let (user, rest) = database.url.split_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (server, url) = (
            server.to_owned(),
            format!("{user}@127.0.0.1:{port}/{name}?sslmode=disable"),
        );
        database.url = url;
        let state = Arc::new(watch::Sender::new(State {
            mode: Mode::Open,
            generation: 0,
        }));
        let accepted = Arc::default();
        let accepting = accept(listener, server, Arc::clone(&state), Arc::clone(&accepted));
        TaskTracker::new().spawn(accepting);
        Self { state, accepted }
    }

    /// How many connections were asked for so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Everything works.
    pub fn open(&self) {
        self.state.send_modify(|state| state.mode = Mode::Open);
    }

    /// Every connection breaks.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.mode = Mode::Cut);
    }

    /// Nothing moves.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.mode = Mode::Frozen);
    }

    /// Each answer takes `delay` longer.
    pub fn slow(&self, delay: Duration) {
        self.state
            .send_modify(|state| state.mode = Mode::Slow(delay));
    }

    /// Nothing moves, and what is connected now never will.
    pub fn strand(&self) {
        self.state.send_modify(|state| {
            state.mode = Mode::Frozen;
            state.generation += 1;
        });
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    state: Arc<watch::Sender<State>>,
    accepted: Arc<AtomicUsize>,
) {
    let connections = TaskTracker::new();
    while let Ok((client, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::Relaxed);
        if state.borrow().mode == Mode::Cut {
            continue;
        }
        let (server, state) = (server.clone(), Arc::clone(&state));
        connections.spawn(async move {
            let _ = forward(client, &server, &state).await;
        });
    }
}

async fn forward(client: TcpStream, server: &str, state: &watch::Sender<State>) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let ((client, to_client), (server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = state.subscribe();
    tokio::select! {
        up = copy(From::Client, client, to_server, state.subscribe()) => up,
        down = copy(From::Server, server, to_client, state.subscribe()) => down,
        _ = cut.wait_for(|state| state.mode == Mode::Cut) => Ok(()),
    }
}

async fn copy(
    who: From,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let generation = state.borrow().generation;
    let moves = |state: &State| state.mode != Mode::Frozen && state.generation == generation;
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let mode = state.wait_for(moves).await.map(|state| state.mode);
        if let (From::Server, Ok(Mode::Slow(delay))) = (who, mode) {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}
