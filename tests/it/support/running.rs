//! A server process as its operator meets it: what it prints, how it is told to end, how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;

/// How long a wait may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same for a command, which may wait for a lock of the database.
const ANSWER: Duration = Duration::from_secs(90);

/// What `command` said when it had ended; `None` if it does not end, and is killed.
pub fn output(command: &mut Command) -> Option<Output> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (sender, ended) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let output = ended.recv_timeout(ANSWER);
    if output.is_err() {
        kill(id, "KILL");
    }
    output.ok().map(Result::unwrap)
}

/// A running process; killed when the test ends.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Arc<Mutex<String>>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut running = Self::unread(command);
        let (sender, lines) = channel();
        let stdout = BufReader::new(running.child.stdout.take().unwrap());
        running.lines = lines;
        let log = Arc::clone(&running.said);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
                drop(log);
                let _ = sender.send(line);
            }
        });
        running
    }

    /// One whose stdout is a pipe that nobody reads.
    pub fn unread(command: &mut Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = piped.spawn().unwrap();
        let ((_, lines), said) = (channel(), Arc::default());
        Self { child, lines, said }
    }

    /// The next line that has `words` in it.
    pub fn says(&self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("never said {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// All that it said on stdout, once it has ended.
    pub fn said(&self) -> String {
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.said.lock().unwrap().clone()
    }

    /// The first line on stderr, which has `words` in it.
    pub fn whispers(&mut self, words: &str) -> String {
        let mut line = String::new();
        let mut stderr = BufReader::new(self.child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains(words), "{line}");
        self.child.stderr = Some(stderr.into_inner());
        line
    }

    /// The address it says that it listens on.
    pub fn address(&self) -> String {
        let line = self.says("listening");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().to_owned()
    }

    /// A client of the next address that it says it listens on.
    pub fn client(&self) -> Client {
        let line: serde_json::Value = serde_json::from_str(&self.says("address")).unwrap();
        Client::new(line["address"].as_str().unwrap().parse().unwrap())
    }

    pub fn signal(&self, name: &str) {
        kill(self.child.id(), name);
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end; what it said on stderr.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "the process does not end");
            thread::sleep(Duration::from_millis(10));
        };
        let mut errors = String::new();
        let stderr = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut errors).unwrap();
        (status, errors)
    }
}

impl Drop for Running {
    /// Where a test fails, what went wrong here is shown.
    #[expect(
        clippy::print_stdout,
        reason = "a failed test's output is read by people"
    )]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let wrong = |line: &String| !line.contains(r#""level":"INFO""#);
            for line in self.lines.iter().filter(wrong) {
                println!("{}: {line}", self.child.id());
            }
        }
    }
}

fn kill(process: u32, signal: &str) {
    let line = format!("kill -{signal} {process}");
    let killed = Command::new("sh").args(["-c", &line]).status().unwrap();
    assert!(killed.success());
}
