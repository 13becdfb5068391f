//! `tollgate dev`: the gateway, ready to be tried out.

use crate::config::Config;

/// Runs a gateway with a fresh key and a simulated provider. `config` has the data directory of the
/// try-out already.
pub async fn dev(config: Config) -> anyhow::Result<()> {
    drop(config);
    std::future::ready(Err(anyhow::anyhow!("this build has no server yet"))).await
}
