//! The processes of a run: pinned to a core, measured from `/proc`, and ended with us.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener as StdListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;

use crate::figures::figure;

/// The kernel counts CPU time in ticks of 10 ms, on every common architecture.
const TICK: f64 = 0.01;
const POLL: Duration = Duration::from_millis(10);

/// A child that ends when this value is dropped, or when we die.
pub struct Process {
    child: Child,
}

/// What a process and its children hold now and have held at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub now_kb: u64,
    pub peak_kb: u64,
}

/// A command that runs on `core` only and gets SIGTERM when this process dies.
pub fn pinned(core: usize, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "-c", &core.to_string()]);
    command.arg(program.as_ref()).stdin(Stdio::null());
    // Ours, and no setting of the gateway's.
    command.env_remove("TOLLGATE_BIN");
    command
}

/// This program in another role.
pub fn role(core: usize, role: &str) -> Result<Command> {
    let mut command = pinned(core, std::env::current_exe()?);
    command.arg(role);
    Ok(command)
}

/// Binds and prints the address, which [`Process::start_and_ask_address`] reads.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    Ok(listener)
}

/// An address that was free just now, for programs that cannot choose one themselves.
pub fn free_address() -> Result<SocketAddr> {
    Ok(StdListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Runs a command to its end, within `limit`, and gives what it printed.
pub fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let mut process = Process::start(command.stdout(Stdio::piped()))?;
    let stdout = process.child.stdout.take().context("stdout is piped")?;
    let reader = std::thread::spawn(move || std::io::read_to_string(stdout));
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = process.child.try_wait()? {
            let printed = reader
                .join()
                .ok()
                .context("the reader of a child's output failed")??;
            anyhow::ensure!(
                status.success(),
                "{command:?} ended with {status}: {printed}"
            );
            return Ok(printed);
        }
        if Instant::now() > deadline {
            bail!("{command:?} took longer than {limit:?}");
        }
        sleep(POLL);
    }
}

impl Process {
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        Ok(Self { child })
    }

    /// Starts one of our own roles and reads the address it listens on.
    pub fn start_and_ask_address(command: &mut Command) -> Result<(Self, SocketAddr)> {
        let mut process = Self::start(command.stdout(Stdio::piped()))?;
        let stdout = process.child.stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok((
            process,
            line.trim()
                .parse()
                .context("a role prints its address first")?,
        ))
    }

    /// Waits until `check` holds; fails when the process ends first, or after 15 s.
    pub fn wait_until(&mut self, what: &str, check: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(15);
        while !check() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{what} ended with {status} before it was ready");
            }
            anyhow::ensure!(Instant::now() < deadline, "{what} was not ready in 15 s");
            sleep(POLL);
        }
        Ok(())
    }

    /// Seconds of CPU, user and system, of the process and its children.
    pub fn cpu_seconds(&self) -> f64 {
        self.family()
            .iter()
            .filter_map(|pid| cpu_ticks(*pid))
            .sum::<f64>()
            * TICK
    }

    /// Memory of the process and its children; pages they share count for each.
    pub fn memory(&self) -> Memory {
        self.family()
            .iter()
            .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
            .fold(Memory::default(), |sum, status| Memory {
                now_kb: sum.now_kb + kilobytes(&status, "VmRSS:"),
                peak_kb: sum.peak_kb + kilobytes(&status, "VmHWM:"),
            })
    }

    fn family(&self) -> Vec<u32> {
        let own = self.child.id();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| *pid == own || field(*pid, 1) == Some(u64::from(own)))
            .collect()
    }
}

/// Seconds of CPU that the whole machine has spent, on every core, and lost to its host.
pub fn machine_cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = stat.split_whitespace().skip(1).take(8).enumerate();
    // user nice system idle iowait irq softirq steal
    let spent = ticks.filter(|(index, _)| !matches!(index, 3 | 4));
    spent
        .filter_map(|(_, ticks)| ticks.parse::<f64>().ok())
        .sum::<f64>()
        * TICK
}

/// Seconds of CPU that this process and the children it has waited for have spent.
pub fn own_cpu_seconds() -> f64 {
    let own = std::process::id();
    let ticks: u64 = (11..15).filter_map(|index| field(own, index)).sum();
    figure(ticks) * TICK
}

impl Drop for Process {
    /// Asks first, because a killed nginx would leave its worker behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let pid = self.child.id();
        let _ = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -TERM {pid}"))
            .status();
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cpu_ticks(pid: u32) -> Option<f64> {
    Some(figure(field(pid, 11)? + field(pid, 12)?))
}

/// A field of `/proc/PID/stat`, counted from the state, which follows the name.
fn field(pid: u32, index: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(index)?
        .parse()
        .ok()
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
