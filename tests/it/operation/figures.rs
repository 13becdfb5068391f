//! What the machine says of a process, what it says of itself, and percentiles.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::ledger::site::Process;
use crate::support::client::Client;

/// What the machine says.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub rss_kb: usize,
    pub descriptors: usize,
}

/// What the process says.
pub struct Gauges(Client);

impl Machine {
    pub fn of(process: &Process) -> Self {
        let directory = format!("/proc/{}", process.id());
        let status = fs::read_to_string(format!("{directory}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.and_then(|rss| rss.split_whitespace().next());
        Self {
            rss_kb: rss.unwrap().parse().unwrap(),
            descriptors: descriptors(&format!("{directory}/fd")),
        }
    }
}

/// Only root may list those of a process that cannot be dumped; how many there are is the size of their
/// directory.
fn descriptors(directory: &str) -> usize {
    match fs::read_dir(directory) {
        Ok(all) => all.count(),
        Err(_) => usize::try_from(fs::metadata(directory).unwrap().len()).unwrap(),
    }
}

impl Gauges {
    /// Those of `process`, which has just begun to listen.
    pub fn of(process: &Process) -> Self {
        let line = process.says("metrics are read here");
        let line: Value = serde_json::from_str(&line).unwrap();
        Self(Client::new(
            line["address"].as_str().unwrap().parse().unwrap(),
        ))
    }

    pub async fn read(&self, name: &str) -> i64 {
        let text = self.0.get("/metrics", "").await.text().to_owned();
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let value = lines.find_map(|(found, value)| (found == name).then_some(value));
        value
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
    }
}

/// What `percent` of `times` are within.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

/// Half of them, nine in ten, and all but one in a hundred.
pub fn spread(times: &[Duration]) -> String {
    let [half, most, all] = [50, 90, 99].map(|percent| percentile(times, percent));
    format!("p50 {half:?}, p90 {most:?}, p99 {all:?}")
}
