//! Tollgate as operators run it: processes of the real binary on machines of their own, one database,
//! one provider.

use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use super::until;
use crate::provider::{Call, Provider};
use crate::support::client::Client;
use crate::support::db::TestDb;
use crate::support::running::{Running, output};

/// How long a process may take from its start until calls are welcome: 5 s by design, of which it
/// takes a tenth; the rest is for a machine that is busy with other tests.
const RECOVERY: Duration = Duration::from_secs(15);

/// How long a probe may take on a busy machine.
const PROBE: Duration = Duration::from_secs(20);

pub const ORGANISATION: &str = "Acme";

/// See the module.
pub struct Site {
    pub database: TestDb,
    pub provider: Provider,
    /// Where the commands are run.
    desk: TempDir,
    config: String,
}

/// A machine with a data directory.
pub struct Machine {
    /// How many files a process here may have open; 0 for as many as the test.
    pub descriptors: usize,
    directory: TempDir,
    config: String,
    database: String,
}

/// A server that runs; killed when the test ends.
pub struct Process {
    pub client: Client,
    /// How long it took until calls were welcome.
    pub start: Duration,
    starting: Starting,
}

/// A server that may not even listen yet.
pub struct Starting(Running);

/// A key as its owner has it.
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Site {
    /// With an organisation, and further configuration for all servers.
    pub fn new(database: TestDb, provider: Provider, config: &str) -> Self {
        let site = Self {
            config: format!(
                "[server]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n\
                 [[providers]]\nname = \"mock\"\nbase_url = \"{}\"\nmodels = [\"*\"]\n\
                 {config}\n",
                provider.base_url(),
            ),
            database,
            provider,
            desk: TempDir::new().unwrap(),
        };
        site.run(&["org", "create", ORGANISATION]);
        site
    }

    /// One more machine.
    pub fn machine(&self) -> Machine {
        Machine {
            descriptors: 0,
            directory: TempDir::new().unwrap(),
            config: self.config.clone(),
            database: self.database.url.clone(),
        }
    }

    /// What a command prints as JSON.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Value {
        let mut command = tollgate(&self.desk);
        command.env("DATABASE_URL", &self.database.url);
        let output = output(command.args(arguments).args(["--output", "json"]));
        let output = output.unwrap_or_else(|| {
            let state = self.database.state();
            panic!("{arguments:?} does not end; the database says: {state}")
        });
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {errors}{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A new key with these limit flags.
    pub fn key(&self, limits: &[&str]) -> Key {
        let line = ["key", "create", "--org", ORGANISATION, "--name", "k"];
        let key = self.run(&[&line, limits].concat());
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        Key {
            id: text("id"),
            secret: text("secret"),
        }
    }

    /// The calls that reached the provider; it is also asked for its list of models.
    pub fn sent(&self) -> Vec<Call> {
        let calls = self.provider.calls().into_iter();
        calls
            .filter(|call| call.seen.method == Method::POST)
            .collect()
    }

    /// Fails unless the books add up.
    #[track_caller]
    pub fn verify(&self) {
        self.run(&["ledger", "verify"]);
    }
}

impl Machine {
    /// Starts a server here and waits until calls are welcome.
    pub async fn serve(&self) -> Process {
        self.serve_with(&[]).await
    }

    /// The same with further environment.
    pub async fn serve_with(&self, environment: &[(&str, &str)]) -> Process {
        let began = Instant::now();
        let mut process = self.launch(environment);
        process.ready().await;
        process.start = began.elapsed();
        assert!(process.start < RECOVERY, "ready after {:?}", process.start);
        process
    }

    /// Starts a server here, which listens but may not be ready.
    pub fn launch(&self, environment: &[(&str, &str)]) -> Process {
        let Starting(running) = self.start(environment);
        Process {
            client: Client::new(running.address().parse().unwrap()),
            start: Duration::ZERO,
            starting: Starting(running),
        }
    }

    /// Starts a server here and waits for nothing.
    pub fn start(&self, environment: &[(&str, &str)]) -> Starting {
        Starting(Running::start(&mut self.server(environment)))
    }

    /// The command of a server here.
    fn server(&self, environment: &[(&str, &str)]) -> Command {
        std::fs::write(self.directory.path().join("tollgate.toml"), &self.config).unwrap();
        let mut command = match self.descriptors {
            0 => tollgate(&self.directory),
            count => {
                let tollgate = tollgate(&self.directory);
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("ulimit -n {count}; exec \"$0\" \"$@\"")]);
                shell.arg(tollgate.get_program());
                shell.env_clear().current_dir(self.directory.path());
                shell
            }
        };
        command.args(["serve", "--config", "tollgate.toml"]);
        command.env("DATABASE_URL", &self.database);
        command.envs(environment.iter().copied());
        command
    }

    /// Its data directory.
    pub fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }
}

impl Process {
    /// Waits until calls are welcome.
    pub async fn ready(&self) {
        until("calls are welcome", async || self.is_ready().await).await;
    }

    pub async fn is_ready(&self) -> bool {
        let asking = self
            .client
            .try_send(Method::GET, "/readyz", &[], Bytes::new());
        let asked = timeout(PROBE, asking).await.expect("the probe is answered");
        asked.is_ok_and(|reply| reply.0.status() == 200)
    }

    /// Ends it as the kernel does when memory runs out.
    pub fn kill(self) {
        self.starting.kill();
    }

    /// Ends it as a supervisor does.
    pub fn stop(mut self) {
        let running = &mut self.starting.0;
        if !running.is_over() {
            running.signal("TERM");
        }
        let (status, errors) = running.ended();
        // That nobody set it up yet is no failure.
        let failures = errors.lines().filter(|line| !line.contains("/set-up/"));
        assert_eq!((status.code(), failures.count()), (Some(0), 0), "{errors}");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        self.starting.0.signal(name);
    }

    /// The next line of its log that has `words` in it.
    pub fn says(&self, words: &str) -> String {
        self.starting.0.says(words)
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        self.starting.0.is_over()
    }

    /// Waits until it has ended as it was told to.
    pub async fn ended(mut self) {
        until("the process ends", async || self.is_over()).await;
        self.stop();
    }

    pub fn id(&self) -> u32 {
        self.starting.0.id()
    }

    /// Waits until it ends because it cannot go on; what it says.
    pub async fn failed(self) -> String {
        self.starting.failed().await
    }

    /// Waits until it was killed.
    pub async fn died(self) {
        self.starting.died().await;
    }
}

impl Starting {
    pub fn kill(mut self) {
        self.0.signal("KILL");
        self.0.ended();
    }

    /// Waits until it ends because it cannot go on; what it says.
    pub async fn failed(mut self) -> String {
        until("the process ends", async || self.0.is_over()).await;
        let (status, errors) = self.0.ended();
        assert_eq!(status.code(), Some(1), "{errors}");
        errors
    }

    /// Waits until it was killed.
    pub async fn died(mut self) {
        until("the process dies", async || self.0.is_over()).await;
        let (status, errors) = self.0.ended();
        assert_eq!(status.code(), None, "{errors}");
    }
}

fn tollgate(directory: &TempDir) -> Command {
    let built = || env!("CARGO_BIN_EXE_tollgate").into();
    let mut command = Command::new(std::env::var_os("TOLLGATE_BIN").unwrap_or_else(built));
    command.env_clear().current_dir(directory.path());
    command
}
