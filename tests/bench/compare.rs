//! The whole comparison: in every round each target gets the same loads, one after the
//! other and in a turning order, so that a slow spell of the machine hits all of them.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{
    calls::Kind,
    figures::{Seen, figure},
    process::{self, Process},
    provider::Count,
    report,
    target::{Name, Target},
};

#[derive(clap::Args)]
pub struct Plan {
    /// Two rounds of one second, to see that it works
    #[arg(long)]
    quick: bool,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measured seconds of a busy run; a quiet run takes half
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Keep-alive connections of a busy run
    #[arg(long, default_value_t = 32)]
    pub connections: usize,
    /// Targets; those that are not on this machine are left out of the default
    #[arg(long, value_enum, value_delimiter = ',')]
    targets: Vec<Name>,
    #[arg(long, value_enum, value_delimiter = ',', default_value = "json,sse")]
    pub kinds: Vec<Kind>,
    /// API keys to make and use in turn (each is made by a command of its own: slow)
    #[arg(long, default_value_t = 1)]
    pub keys: usize,
    /// Time before the provider answers
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Time between the events of a stream
    #[arg(long, default_value_t = 0)]
    gap_ms: u64,
    #[arg(long, default_value_t = 0)]
    pub target_core: usize,
    /// Where the load and the provider run
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
    /// Where the table and the raw figures go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// How hard a run presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All connections: what a call costs
    Busy,
    /// One connection: what a caller waits
    Quiet,
}

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub round: usize,
    pub target: Name,
    pub kind: Kind,
    pub level: Level,
    #[serde(flatten)]
    pub seen: Seen,
    pub cpu_ms_per_1000: Option<f64>,
    /// How much of its core the target used.
    pub busy_share: Option<f64>,
    pub rss_kb: Option<u64>,
    pub rss_peak_kb: Option<u64>,
}

struct Bench<'a> {
    plan: &'a Plan,
    provider: SocketAddr,
    samples: Vec<Sample>,
}

/// Runs the comparison, prints the table and writes the raw figures.
pub fn run(plan: &Plan) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (_provider, provider) = start_provider(plan)?;
    let mut targets = plan
        .chosen()?
        .into_iter()
        .map(|name| Target::start(name, plan, dir.path(), provider))
        .collect::<Result<Vec<_>>>()?;
    let mut bench = Bench {
        plan,
        provider,
        samples: Vec::new(),
    };
    for round in 1..=plan.rounds() {
        for target in &mut targets {
            bench.measure(round, target)?;
        }
        targets.rotate_left(1);
    }
    drop(targets);
    publish(plan, &bench.samples)
}

fn start_provider(plan: &Plan) -> Result<(Process, SocketAddr)> {
    let mut command = process::role(plan.load_core, "provider")?;
    command.args(["--delay-ms", &plan.delay_ms.to_string()]);
    command.args(["--gap-ms", &plan.gap_ms.to_string()]);
    Process::start_and_ask_address(&mut command)
}

fn publish(plan: &Plan, samples: &[Sample]) -> Result<()> {
    let report = report::markdown(plan, samples);
    fs::create_dir_all(&plan.out)?;
    fs::write(plan.out.join("report.md"), &report)?;
    fs::write(
        plan.out.join("samples.json"),
        serde_json::to_vec_pretty(samples)?,
    )?;
    write!(std::io::stdout(), "{report}")?;
    Ok(())
}

impl Plan {
    fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds }
    }

    /// Measured seconds of a run.
    pub fn seconds(&self, level: Level) -> f64 {
        let seconds = if self.quick { 1.0 } else { self.seconds };
        if level == Level::Busy {
            seconds
        } else {
            seconds / 2.0
        }
    }

    fn chosen(&self) -> Result<Vec<Name>> {
        let all = [Name::Direct, Name::Bare, Name::Nginx, Name::Tollgate];
        if self.targets.is_empty() {
            let (here, missing): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|name| name.is_here());
            for name in missing {
                report::tell(&format!("{} is not here: left out\n", name.as_str()));
            }
            return Ok(here);
        }
        for name in &self.targets {
            ensure!(name.is_here(), "{} is not on this machine", name.as_str());
        }
        Ok(self.targets.clone())
    }
}

impl Bench<'_> {
    fn measure(&mut self, round: usize, target: &mut Target) -> Result<()> {
        for kind in self.plan.kinds.clone() {
            for level in [Level::Busy, Level::Quiet] {
                let sample = self.sample(round, target, kind, level).with_context(|| {
                    format!(
                        "{} {} {level:?} in round {round}",
                        target.name.as_str(),
                        kind.name()
                    )
                })?;
                report::tell(&report::line(&sample));
                self.samples.push(sample);
            }
        }
        Ok(())
    }

    fn sample(
        &self,
        round: usize,
        target: &mut Target,
        kind: Kind,
        level: Level,
    ) -> Result<Sample> {
        let cpu = |target: &Target| target.process.as_ref().map(Process::cpu_seconds);
        let (count_before, cpu_before, start) =
            (count(self.provider)?, cpu(target), Instant::now());
        let seen = self.load(target, kind, level)?;
        let wall = start.elapsed().as_secs_f64();
        let after = count(self.provider)?;
        let answered = Count {
            requests: after.requests - count_before.requests,
            tokens: after.tokens - count_before.tokens,
        };
        self.check(&seen, answered, kind)?;
        // The books are written in batches: their cost belongs to the calls too.
        target.check_books(answered)?;
        let spent = cpu(target)
            .zip(cpu_before)
            .map(|(after, before)| after - before);
        let memory = target.process.as_ref().map(Process::memory);
        Ok(Sample {
            round,
            target: target.name,
            kind,
            level,
            cpu_ms_per_1000: spent.map(|seconds| seconds * 1e6 / figure(answered.requests)),
            busy_share: spent.map(|seconds| seconds / wall),
            rss_kb: memory.map(|memory| memory.now_kb),
            rss_peak_kb: memory.map(|memory| memory.peak_kb),
            seen,
        })
    }

    fn load(&self, target: &Target, kind: Kind, level: Level) -> Result<Seen> {
        let seconds = self.plan.seconds(level);
        let connections = if level == Level::Busy {
            self.plan.connections
        } else {
            1
        };
        let mut command = process::role(self.plan.load_core, "load")?;
        command.args([
            "--target",
            &target.address.to_string(),
            "--kind",
            kind.name(),
        ]);
        command.args(["--connections", &connections.to_string()]);
        command.args(["--seconds", &seconds.to_string(), "--warmup", "0.3"]);
        if let Some(keys) = &target.keys_file {
            command.arg("--keys-file").arg(keys);
        }
        let printed = process::output(&mut command, Duration::from_secs_f64(seconds + 30.0))?;
        Ok(serde_json::from_str(&printed)?)
    }

    /// A run counts only if every call was answered, in full and by the provider.
    fn check(&self, seen: &Seen, answered: Count, kind: Kind) -> Result<()> {
        let error = seen.first_error.as_deref().unwrap_or_default();
        ensure!(seen.errors == 0, "{} calls failed: {error}", seen.errors);
        ensure!(seen.calls > 0, "no call was answered");
        let provider = answered.requests;
        ensure!(
            seen.answered == provider,
            "{} answers, but {provider} of the provider",
            seen.answered
        );
        let first = self.samples.iter().find(|sample| sample.kind == kind);
        let expected = first.map_or((seen.body_bytes.0, seen.body_bytes.0), |s| {
            s.seen.body_bytes
        });
        let bytes = seen.body_bytes;
        ensure!(
            bytes == expected,
            "bodies of {bytes:?} bytes, expected {expected:?}"
        );
        Ok(())
    }
}

fn count(provider: SocketAddr) -> Result<Count> {
    let mut socket = TcpStream::connect(provider)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        socket,
        "GET /count HTTP/1.1\r\nHost: {provider}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .context("the provider's count has no body")?;
    Ok(serde_json::from_str(body)?)
}
