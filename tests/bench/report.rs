//! The table of a run, in Markdown: every figure as the least, the middle and the most of
//! its rounds; comparisons are made inside a round, then spread.

use std::{fmt::Write as _, fs, io::Write as _};

use crate::{
    calls::Kind,
    compare::Plan,
    figures::{Spread, figure},
    measure::{Level, Sample},
    nginx,
    target::Name,
};

type Figure<'a> = &'a dyn Fn(&Sample) -> Option<f64>;

/// The samples of one kind and level.
struct Table<'a> {
    samples: Vec<&'a Sample>,
}

/// Tells whoever waits; the report itself goes to standard output.
pub fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// One run as a line of progress.
pub fn line(sample: &Sample) -> String {
    let cpu = sample
        .cpu_ms_per_1000
        .map_or("     -".to_owned(), |ms| format!("{ms:6.1}"));
    format!(
        "round {} {:8} {:9} {:?}: {:8.0} calls/s, {cpu} ms CPU per 1000, p50 {:6.0} µs, p99 {:6.0} µs\n",
        sample.round,
        sample.target.as_str(),
        sample.kind.name(),
        sample.level,
        sample.seen.calls_per_second,
        sample.seen.latency_us.p50,
        sample.seen.latency_us.p99,
    )
}

/// The whole report.
pub fn markdown(plan: &Plan, samples: &[Sample]) -> String {
    let rounds = samples.iter().map(|sample| sample.round).max().unwrap_or(0);
    let mut text = format!(
        "# Load benchmark\n\n{}\n\n{rounds} rounds; {} s busy and steady with {} connections, {} s quiet with one; \
         {} key(s). Cells: min / **median** / max over the rounds.\n",
        machine(),
        plan.seconds(Level::Busy),
        plan.connections,
        plan.seconds(Level::Quiet),
        plan.keys,
    );
    text.push_str(&disturbance(samples));
    for kind in &plan.kinds {
        let table = |level| Table::of(samples, *kind, level);
        text.push_str(&table(Level::Steady).busy(*kind, "steady"));
        text.push_str(&table(Level::Busy).busy(*kind, "busy"));
        text.push_str(&table(Level::Quiet).quiet(*kind));
    }
    text
}

/// Says how far the machine was ours alone; figures of a busy machine are not worth keeping.
fn disturbance(samples: &[Sample]) -> String {
    Spread::of(samples.iter().map(|sample| sample.others_share)).map_or(String::new(), |others| {
        let Spread { min, median, max } = others;
        format!(
            "\nOther programs used {min:.2} / **{median:.2}** / {max:.2} cores during the runs.\n"
        )
    })
}

fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown");
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    format!(
        "{cores} cores {}, Linux {}, {}.",
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        nginx::version().unwrap_or("no nginx".to_owned()),
    )
}

impl<'a> Table<'a> {
    fn of(samples: &'a [Sample], kind: Kind, level: Level) -> Self {
        let fits = |sample: &&Sample| sample.kind == kind && sample.level == level;
        Self {
            samples: samples.iter().filter(fits).collect(),
        }
    }

    /// What a call costs when there is always a next one.
    fn busy(&self, kind: Kind, level: &str) -> String {
        let mut text = format!(
            "\n## {}, {level}\n\n| Target | calls/s | CPU ms per 1000 calls | CPU × nginx | core used | p50 ms | p99 ms | RSS MB (peak) |\n|---|---|---|---|---|---|---|---|\n",
            kind.name()
        );
        for name in self.targets() {
            let cells = [
                self.cell(name, 0, &|s| Some(s.seen.calls_per_second)),
                self.cell(name, 1, &|s| s.cpu_ms_per_1000),
                self.cell(name, 2, &|s| {
                    Some(s.cpu_ms_per_1000? / self.beside(s, Name::Nginx)?.cpu_ms_per_1000?)
                }),
                self.cell(name, 2, &|s| s.busy_share),
                self.cell(name, 2, &|s| Some(s.seen.latency_us.p50 / 1e3)),
                self.cell(name, 2, &|s| Some(s.seen.latency_us.p99 / 1e3)),
                self.cell(name, 1, &|s| s.rss_peak_kb.map(|kb| figure(kb) / 1024.0)),
            ];
            row(&mut text, name, &cells);
        }
        text
    }

    /// What a lone caller waits longer than without anything between.
    fn quiet(&self, kind: Kind) -> String {
        let first = if kind.streams() {
            "first byte"
        } else {
            "first byte of the body"
        };
        let mut text = format!(
            "\n## {}, quiet\n\n| Target | p50 µs | added p50 µs | added p99 µs | {first} added p50 µs | {first} added p99 µs | {first} p50 − nginx µs |\n|---|---|---|---|---|---|---|\n",
            kind.name()
        );
        for name in self.targets() {
            let added = |figure: fn(&Sample) -> f64, base| {
                self.cell(name, 0, &move |s| {
                    Some(figure(s) - figure(self.beside(s, base)?))
                })
            };
            let cells = [
                self.cell(name, 0, &|s| Some(s.seen.latency_us.p50)),
                added(|s| s.seen.latency_us.p50, Name::Direct),
                added(|s| s.seen.latency_us.p99, Name::Direct),
                added(|s| s.seen.first_byte_us.p50, Name::Direct),
                added(|s| s.seen.first_byte_us.p99, Name::Direct),
                added(|s| s.seen.first_byte_us.p50, Name::Nginx),
            ];
            row(&mut text, name, &cells);
        }
        text
    }

    fn targets(&self) -> Vec<Name> {
        let all = [Name::Direct, Name::Bare, Name::Nginx, Name::Tollgate];
        let has = |name: &Name| self.samples.iter().any(|sample| sample.target == *name);
        all.into_iter().filter(has).collect()
    }

    /// The sample of another target in the same round.
    fn beside(&self, sample: &Sample, target: Name) -> Option<&Sample> {
        let fits = |other: &&&Sample| other.target == target && other.round == sample.round;
        self.samples.iter().find(fits).copied()
    }

    fn cell(&self, target: Name, digits: usize, figure: Figure) -> String {
        let samples = self.samples.iter().filter(|sample| sample.target == target);
        Spread::of(samples.filter_map(|sample| figure(sample))).map_or("–".to_owned(), |spread| {
            let Spread { min, median, max } = spread;
            format!("{min:.digits$} / **{median:.digits$}** / {max:.digits$}")
        })
    }
}

fn row(text: &mut String, name: Name, cells: &[String]) {
    let _ = writeln!(text, "| {} | {} |", name.as_str(), cells.join(" | "));
}
