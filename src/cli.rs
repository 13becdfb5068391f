//! The command line. A command ends with 0 (done), 1 (failed), 2 (wrong usage) or 78 (wrong
//! configuration), and a failure is one line on stderr that says what to do.

mod calls;
mod completions;
mod config;
mod dev;
mod failure;
mod healthcheck;
mod key;
mod ledger;
mod limit_flags;
mod migrate;
mod model_list;
mod moment;
mod openapi;
mod org;
mod paste;
mod print;
mod project;
mod serve;
mod session;
mod set_up;
mod usage;
mod user;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Sources, process_environment};
use crate::server::dumps;
use crate::telemetry;
use print::{Output, Printer};
use session::Session;

/// A multi-tenant API key gateway for LLM APIs.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalFlags,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes, anywhere on the line.
#[derive(Args, Debug)]
struct GlobalFlags {
    /// A configuration file; repeatable, the later wins
    #[arg(long, global = true, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Where the embedded database lives
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How data is printed
    #[arg(long, global = true, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve,
    /// Try it out: loopback only, a fresh key and a simulated provider
    Dev,
    /// Apply pending migrations and exit
    Migrate(migrate::Arguments),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Create, list and change organisations
    #[command(subcommand)]
    Org(org::Command),
    /// Create, list, change and delete projects
    #[command(subcommand)]
    Project(project::Command),
    /// Create, list, change, rotate and delete keys
    #[command(subcommand)]
    Key(key::Command),
    /// Create users, shut them out, and let them back in
    #[command(subcommand)]
    User(user::Command),
    /// Check the books
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Show what an organisation used
    Usage(usage::Arguments),
    /// List an organisation's calls
    Calls(calls::Arguments),
    /// Exit with 0 if the running gateway is ready
    Healthcheck,
    /// Print the OpenAPI document of the management API
    Openapi,
    /// Print the completions of a shell
    Completions(completions::Arguments),
}

/// Runs the command that `arguments` (with the program's name) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return failure::wrong_usage(&error),
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

impl Cli {
    fn run(self) -> anyhow::Result<()> {
        if let Command::Completions(arguments) = &self.command {
            return arguments.run();
        }
        if matches!(self.command, Command::Openapi) {
            return openapi::run();
        }
        let config = self.load()?;
        let is_server = matches!(self.command, Command::Serve | Command::Dev);
        // A command's stdout is its answer; only a server's is its log.
        let _log = is_server
            .then(|| telemetry::init(&config.log_filter))
            .transpose()?;
        if is_server && let Some(warning) = dumps::forbid() {
            tracing::warn!("{warning}");
        }
        let mut runtime = if is_server {
            tokio::runtime::Builder::new_multi_thread()
        } else {
            tokio::runtime::Builder::new_current_thread()
        };
        let runtime = runtime.enable_all().build()?;
        runtime.block_on(self.command.run(config, &self.global))
    }

    fn load(&self) -> Result<Config, ConfigError> {
        let sources = self.global.sources();
        match self.command {
            Command::Serve | Command::Config(config::Command::Check) => Config::load(sources),
            Command::Dev => {
                let mut config = Config::load(sources)?;
                let flag = self.global.data_dir.clone();
                config.embed_in(flag.unwrap_or_else(|| config.data_dir.join("dev")));
                Ok(config)
            }
            _ => Config::load_without_credentials(sources),
        }
    }
}

impl GlobalFlags {
    /// Where the configuration comes from.
    fn sources(&self) -> Sources<'_, impl Iterator<Item = (String, String)>> {
        Sources {
            files: &self.config,
            environment: process_environment(),
            data_dir: self.data_dir.as_deref(),
        }
    }
}

impl Command {
    async fn run(self, config: Config, global: &GlobalFlags) -> anyhow::Result<()> {
        let printer = Printer::new(global.output);
        match self {
            Self::Serve => serve::serve(config, || Config::load(global.sources())).await,
            Self::Dev => dev::dev(config).await,
            Self::Config(command) => command.run(&config, printer),
            Self::Healthcheck => healthcheck::run(config.server.listen, printer).await,
            Self::Migrate(asked) if asked.dry_run => migrate::preview(&config, printer).await,
            stored => {
                let session = Session::open(&config, printer).await?;
                let result = stored.run_stored(&session).await;
                session.close().await;
                result
            }
        }
    }

    /// The commands that work on the database.
    async fn run_stored(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Org(command) => command.run(session).await,
            Self::Project(command) => command.run(session).await,
            Self::Key(command) => command.run(session).await,
            Self::User(command) => command.run(session).await,
            Self::Ledger(command) => command.run(session).await,
            Self::Usage(arguments) => arguments.run(session).await,
            Self::Calls(arguments) => arguments.run(session).await,
            // Opening the session has migrated.
            _ => migrate::report(session),
        }
    }
}

#[cfg(test)]
mod tests;
