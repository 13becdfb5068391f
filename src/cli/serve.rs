//! `tollgate serve`: the gateway.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::session::unusable;
use super::set_up;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::domain::time::Clock;
use crate::ledger::RecoverError;
use crate::lifecycle::Signals;
use crate::metrics::{self, Metrics};
use crate::providers::Catalog;
use crate::server::{descriptors, memory};
use crate::store::StoreError;

/// Runs the gateway until it is told to stop. `reload` reads the configuration again.
pub async fn serve(
    mut config: Config,
    reload: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<()> {
    let few = descriptors::fit(&mut config.server);
    let little = memory::fit(&mut config.server);
    for warning in config.warnings.iter().chain(&few).chain(&little) {
        tracing::warn!("{warning}");
    }
    let mut signals = listen()?;
    let hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let listener = bind(&config).await?;
    let app = tokio::select! {
        app = App::build(&config, Clock::default()) => app.map_err(|error| named(error, &config))?,
        // Nothing was begun that has to end.
        () = signals.next() => return Ok(()),
    };
    let (catalog, metrics) = (app.catalog(), app.metrics());
    let (management, lifecycle) = (app.management(), app.lifecycle());
    tokio::select! {
        ended = run(&config, app, listener, signals) => ended.map_err(|error| named(error, &config)),
        never = set_up::offer(&management, &lifecycle) => match never {},
        never = obey_reloads(hangup, &catalog, &metrics, reload) => match never {},
    }
}

/// Names the database where that is what failed.
fn named(error: anyhow::Error, config: &Config) -> anyhow::Error {
    let recovering = error.downcast_ref::<RecoverError>();
    if error.is::<StoreError>() || matches!(recovering, Some(RecoverError::Store(_))) {
        return error.context(unusable(&config.database_url()));
    }
    error
}

/// At each `hangup` takes the providers and models that the configuration has now. One with a mistake
/// changes nothing; what else it says takes effect at the next start.
async fn obey_reloads(
    mut hangup: Signal,
    catalog: &Catalog,
    metrics: &Metrics,
    reload: impl Fn() -> Result<Config, ConfigError>,
) -> Infallible {
    loop {
        hangup.recv().await;
        let read = reload().map_err(anyhow::Error::from);
        let taken = read.and_then(|config| {
            catalog.replace(&config)?;
            Ok(config.warnings)
        });
        metrics.reloads.note(taken.is_ok());
        match taken {
            Ok(warnings) => {
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!("providers and models were read again");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "the configuration has a mistake; the one before stays"
                );
            }
        }
    }
}

/// Takes the gateway's address, before anything else is done in vain.
pub(super) async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.server.listen;
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; set PORT or server.listen to a free address")
    })
}

/// The signals that end a gateway.
pub(super) fn listen() -> anyhow::Result<Signals> {
    Signals::listen().context("cannot wait for signals")
}

/// Runs `app` until a signal, and until what it serves then has ended.
pub(super) async fn run(
    config: &Config,
    app: App,
    listener: TcpListener,
    signals: Signals,
) -> anyhow::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    let (lifecycle, metrics) = (app.lifecycle(), app.metrics());
    tokio::select! {
        never = show(metrics, config.server.metrics_listen) => match never {},
        ended = app.run(listener) => ended?,
        never = lifecycle.obey(signals, config.server.shutdown_delay) => match never {},
    }
    tracing::info!("stopped");
    Ok(())
}

/// Lets operators read the metrics. An address that is taken is no reason to serve nobody: it is, for
/// the second gateway of a machine.
async fn show(metrics: Arc<Metrics>, address: SocketAddr) -> Infallible {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%address, %error, "no metrics can be read: set server.metrics_listen to a free address");
            return pending().await;
        }
    };
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "metrics are read here");
    }
    metrics::serve(metrics, listener).await;
    pending().await
}
