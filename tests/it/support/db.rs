//! A database of its own for every test, on both engines. Postgres needs a server: its address,
//! with the right to create databases, comes from `TOLLGATE_TEST_POSTGRES`.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tollgate::store::Db;
use uuid::Uuid;

const SERVER: &str = "TOLLGATE_TEST_POSTGRES";
/// How long a database may take to be made or dropped.
const PATIENCE: Duration = Duration::from_mins(2);
/// What everybody on a server does, and for which process each of them waits.
const STATE: &str = "SELECT COALESCE(STRING_AGG(FORMAT(E'\\n%s is %s for %s, blocked by %s, waits for %s: %s', pid, state,
    now() - state_change, pg_blocking_pids(pid), wait_event, query), ''), 'nothing')
    FROM pg_stat_activity WHERE datname IS NOT NULL";

/// A migrated database that disappears with the value.
pub struct TestDb {
    pub db: Db,
    pub url: String,
    pub directory: TempDir,
    drop: Option<Dropped>,
}

/// A Postgres database to drop.
struct Dropped {
    server: String,
    name: String,
}

/// Makes one test an engine of an `async fn(TestDb)`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::support::db::TestDb::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name($crate::support::db::TestDb::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both_engines;

impl TestDb {
    pub async fn sqlite() -> Self {
        let test = Self::empty_sqlite().await;
        test.db.migrate().await.unwrap();
        test
    }

    pub async fn postgres() -> Self {
        let test = Self::empty_postgres().await;
        test.db.migrate().await.unwrap();
        test
    }

    /// Not migrated yet.
    pub async fn empty_sqlite() -> Self {
        Self::sqlite_in(TempDir::new().unwrap()).await
    }

    /// The same in `directory`.
    pub async fn sqlite_in(directory: TempDir) -> Self {
        let url = format!(
            "sqlite://{}",
            directory.path().join("data/tollgate.db").display()
        );
        Self::open(url, directory, None).await
    }

    /// Not migrated yet.
    pub async fn empty_postgres() -> Self {
        let Ok(server) = std::env::var(SERVER) else {
            panic!(
                "set {SERVER} to a Postgres server, such as postgres://postgres@127.0.0.1:5432/postgres"
            );
        };
        Self::on(&server).await
    }

    /// On a Postgres server that is not everybody's; not migrated yet.
    pub async fn on(server: &str) -> Self {
        let server = server.to_owned();
        let name = format!("test_{}", Uuid::now_v7().simple());
        administer(&server, format!("CREATE DATABASE {name}")).await;
        let (base, _) = server.rsplit_once('/').unwrap();
        let url = format!("{base}/{name}");
        let drop = Some(Dropped { server, name });
        Self::open(url, TempDir::new().unwrap(), drop).await
    }

    /// Gives up its connections while `change` replaces the database.
    pub async fn replaced_by(&mut self, change: impl FnOnce(&Self)) {
        self.db.close().await;
        change(self);
        self.db = self.other_process().await;
    }

    /// Connections of their own to the same database, as another process has.
    pub async fn other_process(&self) -> Db {
        Db::connect(&self.url).await.unwrap()
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.db, Db::Postgres(_))
    }

    /// What its server does at the moment, for a test that waits in vain.
    pub fn state(&self) -> String {
        let Some(dropped) = &self.drop else {
            return "nothing".to_owned();
        };
        let server = dropped.server.clone();
        apart(async move {
            let mut connection = PgConnection::connect(&server).await.unwrap();
            let state = sqlx::query_scalar(STATE).fetch_one(&mut connection);
            state.await.unwrap()
        })
    }

    async fn open(url: String, directory: TempDir, drop: Option<Dropped>) -> Self {
        let db = Db::connect(&url).await.unwrap();
        Self {
            db,
            url,
            directory,
            drop,
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let Some(Dropped { server, name }) = self.drop.take() else {
            return;
        };
        apart(async move {
            administer(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        });
    }
}

/// Waits without the test's own runtime, which may be busy or panicking.
fn apart<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, task).await });
        ended.expect("the Postgres server answers")
    });
    thread.join().unwrap()
}

async fn administer(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    let statement = sqlx::query(AssertSqlSafe(statement));
    statement.execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
