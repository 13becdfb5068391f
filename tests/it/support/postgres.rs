//! A Postgres server of a test's own, where the programs for one are installed.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Durable against its own crashes, if not against the machine's.
const SETTINGS: &str = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off";
/// Where Debian keeps them.
const INSTALLED: &str = "/usr/lib/postgresql";
/// Postgres refuses to run as root, so root lends it to a user without rights.
const NOBODY: u32 = 65_534;

/// A running server; gone when the test ends.
pub struct Server {
    programs: PathBuf,
    directory: TempDir,
    is_root: bool,
    port: u16,
    settings: String,
}

impl Server {
    /// Starts one; `None` where that is not possible, which it says.
    pub fn start() -> Option<Self> {
        Self::with("")
    }

    /// The same with further options.
    #[expect(clippy::print_stdout, reason = "what is skipped is said")]
    pub fn with(options: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: initdb and pg_ctl are not installed");
            return None;
        };
        let directory = TempDir::new().unwrap();
        // Whoever made it runs this.
        let is_root = directory.path().metadata().unwrap().uid() == 0;
        if is_root {
            chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            programs,
            directory,
            is_root,
            port: free.local_addr().unwrap().port(),
            settings: format!("{SETTINGS} {options}"),
        };
        let new = [
            "--username=tollgate",
            "--auth=trust",
            "--no-sync",
            "--locale=C",
        ];
        server.run("initdb", &new);
        drop(free);
        server.control("start");
        Some(server)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("postgres://tollgate@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it for a while.
    pub fn stop(&self) {
        self.control("stop");
    }

    /// Starts it again, with all that it had.
    pub fn resume(&self) {
        self.control("start");
    }

    /// Breaks it off as a crash does, and starts it again.
    pub fn crash(&self) {
        self.control("restart");
    }

    /// Lends a directory to whoever runs it.
    pub fn lend(&self, directory: &Path) {
        if self.is_root {
            chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    fn control(&self, what: &str) {
        let options = format!("--options=-p {} {}", self.port, self.settings);
        let log = format!("--log={}", self.directory.path().join("log").display());
        let mode = "--mode=immediate";
        self.run(
            "pg_ctl",
            &[what, &options, &log, mode, "--wait", "--silent"],
        );
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.output(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(&self.programs.join(program));
        command.args(arguments).current_dir(self.directory.path());
        command.env("PGDATA", self.directory.path().join("data"));
        command.output().unwrap()
    }

    fn command(&self, program: &Path) -> Command {
        if !self.is_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        let nobody = NOBODY.to_string();
        command.args([
            "--reuid",
            &nobody,
            "--regid",
            &nobody,
            "--clear-groups",
            "--",
        ]);
        command.arg(program);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.output("pg_ctl", &["stop", "--mode=immediate", "--silent"]);
    }
}

/// The newest that are installed, on the path or not.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let versions = Path::new(INSTALLED)
        .read_dir()
        .into_iter()
        .flatten()
        .flatten();
    let mut installed: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    installed.sort();
    let mut all = installed.into_iter().rev().chain(on_path);
    all.find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
}
