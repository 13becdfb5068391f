//! What is compared: the provider itself, the bare relay, nginx and the gateway, each
//! started once and kept for the whole run.

use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::{
    compare::Plan,
    gateway::Gateway,
    nginx,
    process::{self, Process},
    provider::Count,
    report,
};

/// A way from the load to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    Direct,
    Bare,
    Nginx,
    Tollgate,
}

impl Name {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bare => "bare",
            Self::Nginx => "nginx",
            Self::Tollgate => "tollgate",
        }
    }

    /// Whether the program behind the name is on this machine.
    pub fn is_here(self) -> bool {
        match self {
            Self::Direct | Self::Bare => true,
            Self::Nginx => nginx::version().is_some(),
            Self::Tollgate => Gateway::is_built(),
        }
    }
}

/// A running target.
pub struct Target {
    pub name: Name,
    pub address: SocketAddr,
    /// None for the provider itself, which is not on the measured core.
    pub process: Option<Process>,
    pub keys_file: Option<PathBuf>,
    gateway: Option<Gateway>,
}

impl Target {
    /// Starts the target on its core and waits until it takes connections.
    pub fn start(name: Name, plan: &Plan, dir: &Path, provider: SocketAddr) -> Result<Self> {
        let core = plan.target_core;
        match name {
            Name::Direct => Ok(Self::new(name, provider, None)),
            Name::Bare => {
                let mut command = process::role(core, "proxy")?;
                command.arg("--upstream").arg(provider.to_string());
                command.env("TOKIO_WORKER_THREADS", "1");
                let (process, address) = Process::start_and_ask_address(&mut command)?;
                Ok(Self::new(name, address, Some(process)))
            }
            Name::Nginx => {
                let address = process::free_address()?;
                let mut command = nginx::command(core, dir, address, provider)?;
                Ok(Self::new(
                    name,
                    address,
                    Some(start(name, &mut command, address)?),
                ))
            }
            Name::Tollgate => Self::start_gateway(plan, dir, provider),
        }
    }

    fn start_gateway(plan: &Plan, dir: &Path, provider: SocketAddr) -> Result<Self> {
        let gateway = Gateway::prepare(dir, plan.load_core)?;
        let keys_file = dir.join("keys");
        gateway.make_keys(plan.keys, &keys_file)?;
        let address = process::free_address()?;
        let mut command = gateway.serve(plan.target_core, dir, address, provider)?;
        let process =
            start(Name::Tollgate, &mut command, address).inspect_err(|_| show_errors(dir))?;
        let target = Self::new(Name::Tollgate, address, Some(process));
        Ok(Self {
            keys_file: Some(keys_file),
            gateway: Some(gateway),
            ..target
        })
    }

    fn new(name: Name, address: SocketAddr, process: Option<Process>) -> Self {
        Self {
            name,
            address,
            process,
            keys_file: None,
            gateway: None,
        }
    }

    /// Fails when the target keeps books and they differ from what the provider answered.
    pub fn check_books(&mut self, answered: Count) -> Result<()> {
        self.gateway
            .as_mut()
            .map_or(Ok(()), |gateway| gateway.expect(answered))
    }
}

fn start(name: Name, command: &mut Command, address: SocketAddr) -> Result<Process> {
    let mut process = Process::start(command)?;
    process.wait_until(name.as_str(), || TcpStream::connect(address).is_ok())?;
    Ok(process)
}

fn show_errors(dir: &Path) {
    for name in ["tollgate-errors.log", "tollgate.log"] {
        report::tell(&std::fs::read_to_string(dir.join(name)).unwrap_or_default());
    }
}
