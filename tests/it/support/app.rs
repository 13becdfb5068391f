//! The real gateway on a real socket, with a database and a provider of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tollgate::app::App;
use tollgate::config::{Config, Sources};
use tollgate::domain::key::PlainKey;
use tollgate::domain::limits::Limits;
use tollgate::domain::tenant::{KeyId, ProjectId};
use tollgate::domain::time::Clock;
use tollgate::lifecycle::Lifecycle;
use tollgate::metrics::Metrics;
use tollgate::store::Db;
use tollgate::store::keys::{self, NewKey};
use tollgate::store::organisations::{self, Organisation};
use tollgate::store::usage::{self, CallsQuery};

use super::client::Client;
use super::db::TestDb;
use crate::provider::{Call, Provider, Seen};

/// The credential that the gateway shows the provider; must never reach a client.
pub const CREDENTIAL: &str = "sk-provider-canary-7f3a";

/// How long a gateway may take to end: longer than it waits for the store.
const END: Duration = Duration::from_mins(1);

/// A running gateway with a database and a provider; stopped when the test ends.
pub struct TestApp {
    pub provider: Provider,
    pub client: Client,
    pub organisation: Organisation,
    pub lifecycle: Arc<Lifecycle>,
    pub metrics: Arc<Metrics>,
    pub database: TestDb,
    gateway: Gateway,
}

/// A gateway that belongs to a [`TestApp`]; stopped when the test ends.
pub struct Gateway {
    pub client: Client,
    pub lifecycle: Arc<Lifecycle>,
    pub metrics: Arc<Metrics>,
    running: Option<JoinHandle<anyhow::Result<()>>>,
    _data: TempDir,
}

/// A key as its owner has it.
pub struct TestKey {
    pub id: KeyId,
    pub secret: String,
}

/// What a test asks of a new key.
#[derive(Default)]
pub struct KeySpec {
    pub limits: Limits,
    pub models: Option<Vec<String>>,
    pub project_id: Option<ProjectId>,
    pub expires_at: Option<tollgate::domain::time::Timestamp>,
}

impl TestApp {
    /// On `SQLite`, with a provider that answers as it should.
    pub async fn start() -> Self {
        Self::with(TestDb::sqlite().await, Provider::honest().await, "").await
    }

    /// On `SQLite`, in front of `provider`.
    pub async fn before(provider: Provider) -> Self {
        Self::with(TestDb::sqlite().await, provider, "").await
    }

    /// On `database`, in front of `provider` (which serves every model), with `extra` TOML.
    /// `extra` may begin with further keys of the provider.
    pub async fn with(database: TestDb, provider: Provider, extra: &str) -> Self {
        Self::at(Clock::default(), database, provider, extra).await
    }

    /// The same by a clock of the test's own.
    pub async fn at(clock: Clock, database: TestDb, provider: Provider, extra: &str) -> Self {
        let now = clock.now();
        let organisation = organisations::create(&database.db, "Acme", &Limits::default(), now)
            .await
            .unwrap();
        let gateway = Gateway::start(clock, &database, &provider, extra).await;
        Self {
            client: gateway.client.clone(),
            organisation,
            lifecycle: Arc::clone(&gateway.lifecycle),
            metrics: Arc::clone(&gateway.metrics),
            gateway,
            provider,
            database,
        }
    }

    /// Another gateway on the same database, in front of the same provider.
    pub async fn neighbour(&self) -> Gateway {
        Gateway::start(Clock::default(), &self.database, &self.provider, "").await
    }

    pub fn db(&self) -> &Db {
        &self.database.db
    }

    /// A key without limits.
    pub async fn key(&self) -> TestKey {
        self.key_with(KeySpec::default()).await
    }

    /// A key with `limits`.
    pub async fn limited_key(&self, limits: Limits) -> TestKey {
        self.key_with(KeySpec {
            limits,
            ..KeySpec::default()
        })
        .await
    }

    pub async fn key_with(&self, spec: KeySpec) -> TestKey {
        let plain = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
        let new = NewKey {
            organisation_id: self.organisation.id,
            project_id: spec.project_id,
            name: "test".to_owned(),
            models: spec.models,
            limits: spec.limits,
            expires_at: spec.expires_at,
        };
        let now = Clock::default().now();
        let key = keys::create(self.db(), new, &plain.hash(), &plain.display(), now)
            .await
            .unwrap();
        TestKey {
            id: key.id,
            secret: plain.expose().to_owned(),
        }
    }

    /// The calls that reached the provider; it is also asked for its list of models.
    pub fn sent(&self) -> Vec<Call> {
        let calls = self.provider.calls().into_iter();
        calls.filter(|call| call.seen.method == "POST").collect()
    }

    /// The call that reached the provider last.
    pub fn last_sent(&self) -> Seen {
        self.sent().pop().expect("a call reached the provider").seen
    }

    /// The calls that are booked, newest first, once there are `count` of them.
    pub async fn booked(&self, count: usize) -> Vec<usage::CallRow> {
        self.until(&format!("{count} calls are booked"), async || {
            let query = CallsQuery::default();
            let calls = usage::calls(self.db(), self.organisation.id, query)
                .await
                .unwrap();
            (calls.len() >= count).then_some(calls)
        })
        .await
    }

    /// How many calls are booked.
    pub async fn count_booked(&self) -> i64 {
        const COUNT: &str = "SELECT COUNT(*) FROM events";
        match self.db() {
            Db::Postgres(pool) => sqlx::query_scalar(COUNT).fetch_one(pool).await.unwrap(),
            Db::Sqlite(pools) => sqlx::query_scalar(COUNT)
                .fetch_one(pools.writer())
                .await
                .unwrap(),
        }
    }

    /// Asks until there is an answer; fails after ten seconds.
    pub async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "waited in vain until {what}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the gateway as a signal would and waits for its end.
    pub async fn stop(&mut self) {
        self.lifecycle.stop();
        self.stopped().await;
    }

    /// Waits for the gateway's end.
    pub async fn stopped(&mut self) {
        self.gateway.stopped().await;
    }

    /// Waits until the gateway ends by itself; what it says.
    pub async fn failed(&mut self) -> String {
        self.gateway.ended().await.unwrap_err().to_string()
    }
}

impl Gateway {
    async fn start(clock: Clock, database: &TestDb, provider: &Provider, extra: &str) -> Self {
        let data = TempDir::new().unwrap();
        let config = config(data.path(), &database.url, &provider.base_url(), extra);
        let app = App::build(&config, clock).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            client: Client::new(listener.local_addr().unwrap()),
            lifecycle: app.lifecycle(),
            metrics: app.metrics(),
            running: Some(TaskTracker::new().spawn(app.run(listener))),
            _data: data,
        }
    }

    async fn stopped(&mut self) {
        self.ended().await.unwrap();
    }

    async fn ended(&mut self) -> anyhow::Result<()> {
        let running = self.running.take().unwrap();
        let ended = tokio::time::timeout(END, running).await;
        ended.expect("the gateway ends").unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.lifecycle.stop_now();
    }
}

fn config(data: &Path, database: &str, provider: &str, extra: &str) -> Config {
    let file = data.join("tollgate.toml");
    let text = format!(
        "database_url = \"{database}\"\n[[providers]]\nname = \"mock\"\nprotocol = \"openai\"\n\
         base_url = \"{provider}\"\napi_key = {{ env = \"MOCK_KEY\" }}\nmodels = [\"*\"]\n{extra}\n"
    );
    std::fs::write(&file, text).unwrap();
    let sources = Sources {
        files: &[file],
        environment: [("MOCK_KEY".to_owned(), CREDENTIAL.to_owned())],
        data_dir: Some(data),
    };
    Config::load(sources).unwrap()
}
