//! One run: the load against one target, what it saw, what the target spent, and whether
//! everybody counted the same.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{
    calls::Kind,
    compare::Plan,
    figures::{Seen, figure},
    process::{self, Process},
    provider::Count,
    report,
    target::{Name, Target},
};

const WARM_UP: &str = "0.3";
/// Cores that other programs may use without making a run worthless.
const CALM: f64 = 0.1;

/// How hard a run presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All connections, as fast as they are answered: how much goes through
    Busy,
    /// All connections at a fixed rate, the same for every target: what a call costs
    Steady,
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
    /// How many cores programs other than ours kept busy.
    pub others_share: f64,
    pub rss_kb: Option<u64>,
    pub rss_peak_kb: Option<u64>,
}

/// All runs so far, and the provider behind them.
pub struct Bench<'a> {
    pub plan: &'a Plan,
    pub provider: SocketAddr,
    pub provider_process: Process,
    pub samples: Vec<Sample>,
}

/// Everything that only grows, at one moment; a run is the difference of two.
struct Reading {
    at: Instant,
    answered: Count,
    target_cpu: Option<f64>,
    others_cpu: f64,
}

impl Bench<'_> {
    /// Gives the target every load of the plan.
    pub fn measure(&mut self, round: usize, target: &mut Target) -> Result<()> {
        for kind in self.plan.kinds.clone() {
            for level in [Level::Busy, Level::Steady, Level::Quiet] {
                let what = format!(
                    "{} {} {level:?} in round {round}",
                    target.name.as_str(),
                    kind.name()
                );
                let sample = self.calmest(|bench| bench.sample(round, target, kind, level));
                let sample = sample.context(what)?;
                report::tell(&report::line(&sample));
                self.samples.push(sample);
            }
        }
        Ok(())
    }

    /// Chosen by the disturbance alone, never by the figures.
    fn calmest(&self, mut run: impl FnMut(&Self) -> Result<Sample>) -> Result<Sample> {
        let mut best = run(self)?;
        for _ in 0..self.plan.retries {
            if best.others_share <= CALM {
                break;
            }
            let again = run(self)?;
            if again.others_share < best.others_share {
                best = again;
            }
        }
        Ok(best)
    }

    fn sample(
        &self,
        round: usize,
        target: &mut Target,
        kind: Kind,
        level: Level,
    ) -> Result<Sample> {
        let before = self.read(target)?;
        let seen = self.load(target, kind, level)?;
        let loaded = self.read(target)?;
        let answered = loaded.answered.since(before.answered);
        self.check(&seen, answered, kind)?;
        // The books are written in batches: their cost belongs to the calls too.
        target.check_books(answered)?;
        let booked = self.read(target)?;
        let spent = booked
            .target_cpu
            .zip(before.target_cpu)
            .map(|(after, before)| after - before);
        let wall = |reading: &Reading| (reading.at - before.at).as_secs_f64();
        let memory = target.process.as_ref().map(Process::memory);
        Ok(Sample {
            round,
            target: target.name,
            kind,
            level,
            cpu_ms_per_1000: spent.map(|seconds| seconds * 1e6 / figure(answered.requests)),
            busy_share: spent.map(|seconds| seconds / wall(&loaded)),
            others_share: ((booked.others_cpu - before.others_cpu) / wall(&booked)).max(0.0),
            rss_kb: memory.map(|memory| memory.now_kb),
            rss_peak_kb: memory.map(|memory| memory.peak_kb),
            seen,
        })
    }

    fn read(&self, target: &Target) -> Result<Reading> {
        let target_cpu = target.process.as_ref().map(Process::cpu_seconds);
        let provider_cpu = self.provider_process.cpu_seconds();
        let ours = process::own_cpu_seconds() + provider_cpu + target_cpu.unwrap_or(0.0);
        Ok(Reading {
            at: Instant::now(),
            answered: count(self.provider)?,
            target_cpu,
            others_cpu: process::machine_cpu_seconds() - ours,
        })
    }

    fn load(&self, target: &Target, kind: Kind, level: Level) -> Result<Seen> {
        let seconds = self.plan.seconds(level);
        let connections = if level == Level::Quiet {
            1
        } else {
            self.plan.connections
        };
        let mut command = process::role(self.plan.load_core, "load")?;
        command.arg("--target").arg(target.address.to_string());
        command.arg("--kind").arg(kind.name());
        command.arg("--connections").arg(connections.to_string());
        if level == Level::Steady {
            command.arg("--rate").arg(self.plan.rate(kind).to_string());
        }
        command
            .arg("--seconds")
            .arg(seconds.to_string())
            .arg("--warmup")
            .arg(WARM_UP);
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
        let (answers, provider) = (seen.answered, answered.requests);
        ensure!(
            answers == provider,
            "{answers} answers, but {provider} of the provider"
        );
        let first = self.samples.iter().find(|sample| sample.kind == kind);
        let length = first.map_or(seen.body_bytes.0, |sample| sample.seen.body_bytes.0);
        let bytes = seen.body_bytes;
        ensure!(
            bytes == (length, length),
            "bodies of {bytes:?} bytes, expected {length}"
        );
        Ok(())
    }
}

impl Count {
    fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            tokens: self.tokens - before.tokens,
        }
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
