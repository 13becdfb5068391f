//! The whole comparison: in every round each target gets the same loads, one after the
//! other and in a turning order, so that a slow spell of the machine hits all of them.

use std::{fs, io::Write, net::SocketAddr, path::PathBuf};

use anyhow::{Result, ensure};

use crate::{
    calls::Kind,
    measure::{Bench, Level, Sample},
    process::{self, Process},
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
    /// Calls a second of a steady run: what every target manages with room to spare
    #[arg(long, default_value_t = 6000)]
    pub json_rate: u32,
    /// Streams a second of a steady run
    #[arg(long, default_value_t = 1500)]
    pub sse_rate: u32,
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
    /// How often a run is repeated while other programs disturb it; the calmest one counts
    #[arg(long, default_value_t = 1)]
    pub retries: usize,
    /// Where the load and the provider run
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
    /// Where the table and the raw figures go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Runs the comparison, prints the table and writes the raw figures.
pub fn run(plan: &Plan) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (provider_process, provider) = start_provider(plan)?;
    let mut targets = plan
        .chosen()?
        .into_iter()
        .map(|name| Target::start(name, plan, dir.path(), provider))
        .collect::<Result<Vec<_>>>()?;
    let mut bench = Bench {
        plan,
        provider,
        provider_process,
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

    /// Calls a second of a steady run.
    pub fn rate(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Json => self.json_rate,
            _ => self.sse_rate,
        }
    }

    /// Measured seconds of a run.
    pub fn seconds(&self, level: Level) -> f64 {
        let seconds = if self.quick { 1.0 } else { self.seconds };
        if level == Level::Quiet {
            seconds / 2.0
        } else {
            seconds
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
