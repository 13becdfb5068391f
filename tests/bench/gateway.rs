//! Tollgate as a target: an organisation, a project and keys made by its own commands, with
//! every limit set, and its books compared with the provider's count.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{process, provider::Count};

const COMMAND_TIME: Duration = Duration::from_secs(20);
const BOOKED_WITHIN: Duration = Duration::from_secs(2);
/// High enough never to refuse, set so that every check does its work.
const LIMITS: [&str; 10] = [
    "--rpm",
    "100000000",
    "--tpm",
    "4000000000",
    "--concurrency",
    "100000",
    "--quota",
    "1000000000000",
    "--quota-period",
    "month",
];

/// An installation of the gateway in a folder of its own.
pub struct Gateway {
    program: PathBuf,
    data_dir: PathBuf,
    core: usize,
    expected: Count,
}

impl Gateway {
    /// The program to measure: `TOLLGATE_BIN`, or the one built along with this benchmark.
    pub fn program() -> PathBuf {
        std::env::var_os("TOLLGATE_BIN").map_or_else(
            || PathBuf::from(env!("CARGO_BIN_EXE_tollgate")),
            PathBuf::from,
        )
    }

    /// Whether the program is there and knows how to serve.
    pub fn is_built() -> bool {
        let help = Command::new(Self::program()).arg("--help").output();
        help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("serve"))
    }

    /// Makes the tenant in `dir`; `core` is where the commands run, away from the server.
    pub fn prepare(dir: &Path, core: usize) -> Result<Self> {
        let data_dir = dir.join("data");
        let gateway = Self {
            program: Self::program(),
            data_dir,
            core,
            expected: Count::default(),
        };
        gateway.command(&["org", "create", "Bench"])?;
        Ok(gateway)
    }

    /// Makes `count` keys in one project, all limits on, and writes them to `file`.
    pub fn make_keys(&self, count: usize, file: &Path) -> Result<()> {
        let made = self.command(&["project", "create", "--org", "Bench", "--name", "load"])?;
        let made: Value = serde_json::from_str(&made).context("`project create` prints JSON")?;
        let project = made.get("id").and_then(Value::as_str).unwrap_or("load");
        let mut secrets = String::new();
        for number in 1..=count {
            secrets.push_str(&self.make_key(project, &format!("bench {number}"))?);
            secrets.push('\n');
        }
        Ok(fs::write(file, secrets)?)
    }

    fn make_key(&self, project: &str, name: &str) -> Result<String> {
        let scope = [
            "key",
            "create",
            "--org",
            "Bench",
            "--project",
            project,
            "--name",
            name,
        ];
        let made = self.command(&[scope.as_slice(), &LIMITS].concat())?;
        let made: Value = serde_json::from_str(&made).context("`key create` prints JSON")?;
        let secret = made.get("secret").and_then(Value::as_str);
        Ok(secret.context("`key create` prints the secret")?.to_owned())
    }

    /// The command that serves on `core`, its log going to a file.
    pub fn serve(
        &self,
        core: usize,
        dir: &Path,
        listen: SocketAddr,
        provider: SocketAddr,
    ) -> Result<Command> {
        let file = dir.join("tollgate.toml");
        fs::write(&file, configuration(provider))?;
        let mut command = process::pinned(core, &self.program);
        command.arg("serve").arg("--config").arg(&file);
        command.env("TOLLGATE_DATA_DIR", &self.data_dir);
        command.env("TOLLGATE_SERVER__LISTEN", listen.to_string());
        command.env(
            "TOLLGATE_SERVER__METRICS_LISTEN",
            process::free_address()?.to_string(),
        );
        command
            .env("BENCH_KEY", "sk-provider")
            .env("TOKIO_WORKER_THREADS", "1");
        command.stdout(File::create(dir.join("tollgate.log"))?);
        command.stderr(File::create(dir.join("tollgate-errors.log"))?);
        Ok(command)
    }

    /// Adds what the provider answered, and fails unless the books come to say the same.
    pub fn expect(&mut self, answered: Count) -> Result<()> {
        self.expected.requests += answered.requests;
        self.expected.tokens += answered.tokens;
        let deadline = Instant::now() + BOOKED_WITHIN;
        loop {
            let booked = self.booked()?;
            if booked == self.expected {
                return Ok(());
            }
            let expected = self.expected;
            anyhow::ensure!(
                Instant::now() < deadline,
                "the books differ from the provider: booked {booked:?}, provider {expected:?}"
            );
            sleep(Duration::from_millis(50));
        }
    }

    fn booked(&self) -> Result<Count> {
        let usage: Value = serde_json::from_str(&self.command(&["usage", "--org", "Bench"])?)?;
        let rows = usage
            .get("data")
            .and_then(Value::as_array)
            .context("`usage` prints data")?;
        let sum = |field: &str| rows.iter().filter_map(|row| row.get(field)?.as_u64()).sum();
        Ok(Count {
            requests: sum("requests"),
            tokens: sum("total_tokens"),
        })
    }

    fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = process::pinned(self.core, &self.program);
        command
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(arguments)
            .args(["--output", "json"]);
        process::output(command.stderr(Stdio::inherit()), COMMAND_TIME)
    }
}

fn configuration(provider: SocketAddr) -> String {
    format!(
        "[[providers]]
name = \"mock\"
protocol = \"openai\"
base_url = \"http://{provider}/v1\"
api_key = {{ env = \"BENCH_KEY\" }}
models = [\"*\"]
"
    )
}
