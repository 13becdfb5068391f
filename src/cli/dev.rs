//! `tollgate dev`: the gateway, ready to be tried out: loopback only, an organisation, a fresh key,
//! and a simulated provider unless a real one is configured.

use std::io::{Write, stdout};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::serve;
use crate::app::App;
use crate::config::Config;
use crate::domain::key::PlainKey;
use crate::domain::limits::Limits;
use crate::domain::time::{Clock, Timestamp};
use crate::management::keys::fresh_secret;
use crate::sandbox;
use crate::store::keys::{self, NewKey};
use crate::store::organisations::{self, Organisation};
use crate::store::{Db, StoreError};

const ORGANISATION: &str = "Demo";

/// Runs a gateway with a fresh key and a simulated provider. `config` has the data directory of the
/// try-out already.
pub async fn dev(mut config: Config) -> anyhow::Result<()> {
    config
        .server
        .listen
        .set_ip(loopback(config.server.listen.ip()));
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let listener = serve::bind(&config).await?;
    let stop = CancellationToken::new();
    let _stops_with_us = stop.clone().drop_guard();
    let beside = TaskTracker::new();
    if config.providers.is_empty() {
        let simulated = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        config.simulate_provider(simulated.local_addr()?, &sandbox::MODELS)?;
        beside.spawn(sandbox::serve(simulated, stop));
    }
    let app = App::build(&config, Clock::default()).await?;
    let key = fresh_key(&config).await?;
    writeln!(
        stdout(),
        "{}",
        welcome(&config, listener.local_addr()?, &key)
    )?;
    serve::run(&config, app, listener).await
}

/// Anyone who reaches a try-out may use it, so nobody else may.
fn loopback(listen: IpAddr) -> IpAddr {
    if listen.is_loopback() {
        listen
    } else {
        Ipv4Addr::LOCALHOST.into()
    }
}

async fn fresh_key(config: &Config) -> anyhow::Result<PlainKey> {
    let now = Clock::default().now();
    let db = Db::connect(config.database_url().expose_secret()).await?;
    let organisation = demo(&db, now).await?;
    let key = fresh_secret()?;
    let new = NewKey {
        organisation_id: organisation.id,
        project_id: None,
        name: format!("dev {now}"),
        models: None,
        limits: Limits::default(),
        expires_at: None,
    };
    keys::create(&db, new, &key.hash(), &key.display(), now).await?;
    db.close().await;
    Ok(key)
}

async fn demo(db: &Db, now: Timestamp) -> Result<Organisation, StoreError> {
    match organisations::find(db, ORGANISATION).await? {
        Some(organisation) => Ok(organisation),
        None => organisations::create(db, ORGANISATION, &Limits::default(), now).await,
    }
}

fn welcome(config: &Config, address: SocketAddr, key: &PlainKey) -> String {
    let base = format!("http://{address}/v1");
    let key = key.expose();
    let mut patterns = config
        .providers
        .iter()
        .flat_map(|provider| &provider.models);
    let model = patterns
        .find_map(|pattern| pattern.exact())
        .unwrap_or("gpt-4o-mini");
    let data_dir = config.data_dir.display();
    format!(
        r#"
Tollgate is running. Any OpenAI client works with:

  OPENAI_BASE_URL={base}
  OPENAI_API_KEY={key}

Try it, also with "stream":true:

  curl -sN {base}/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{"model":"{model}","messages":[{{"role":"user","content":"Hello!"}}]}}'

See what it used:

  tollgate --data-dir {data_dir} usage --org {ORGANISATION}
"#
    )
}
