//! `tollgate dev`: the gateway, ready to be tried out: loopback only, an organisation, a fresh key,
//! and a simulated provider unless a real one is configured.

use std::io::{Write, stdout};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{paste, serve};
use crate::app::App;
use crate::config::{Config, process_environment};
use crate::domain::key::PlainKey;
use crate::domain::limits::Limits;
use crate::domain::role::Role;
use crate::domain::time::{Clock, Timestamp};
use crate::management::keys::fresh_secret;
use crate::management::links;
use crate::sandbox;
use crate::store::keys::{self, NewKey};
use crate::store::links::Purpose;
use crate::store::organisations::{self, Organisation};
use crate::store::users::{self, NewUser, User};
use crate::store::{Db, StoreError};

const ORGANISATION: &str = "Demo";
/// What leads commands to another database.
const DATABASES: [&str; 4] = [
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "TOLLGATE_DATABASE_URL",
    "TOLLGATE_DATABASE_URL_FILE",
];
const OWNER: &str = "dev@localhost";

/// Runs a gateway with a fresh key and a simulated provider. `config` has the data directory of the
/// try-out already.
pub async fn dev(mut config: Config) -> anyhow::Result<()> {
    config
        .server
        .listen
        .set_ip(loopback(config.server.listen.ip()));
    let listener = serve::bind(&config).await?;
    let stop = CancellationToken::new();
    let _stops_with_us = stop.clone().drop_guard();
    let beside = TaskTracker::new();
    if config.providers.is_empty() {
        let simulated = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let models: Vec<_> = sandbox::MODELS.into_iter().zip(sandbox::PRICES).collect();
        config.simulate_provider(simulated.local_addr()?, &models)?;
        beside.spawn(sandbox::serve(simulated, stop));
    } else {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
    }
    let address = listener.local_addr()?;
    config.server.public_url = format!("http://{address}");
    let app = App::build(&config, Clock::default()).await?;
    let tryout = try_out(&config).await?;
    writeln!(stdout(), "{}", welcome(&config, address, &tryout))?;
    serve::run(&config, app, listener, serve::listen()?).await
}

/// Anyone who reaches a try-out may use it, so nobody else may.
fn loopback(listen: IpAddr) -> IpAddr {
    if listen.is_loopback() {
        listen
    } else {
        Ipv4Addr::LOCALHOST.into()
    }
}

/// What there is to try.
struct TryOut {
    key: PlainKey,
    /// Signs in to the dashboard, once.
    link: String,
}

async fn try_out(config: &Config) -> anyhow::Result<TryOut> {
    let now = Clock::default().now();
    let db = Db::connect(config.database_url().expose_secret()).await?;
    let organisation = demo(&db, now).await?;
    let key = fresh_key(&db, &organisation, now).await?;
    let user = owner(&db, &organisation, now).await?;
    let (url, purpose) = (&config.server.public_url, Purpose::SignIn);
    let link = links::issue(&db, url, purpose, Some(&user), now).await;
    db.close().await;
    let link = link.map_err(|_| anyhow::anyhow!("no link to the dashboard could be made"))?;
    Ok(TryOut { key, link })
}

/// Whoever tries it out: an owner of the organisation who runs the installation too.
async fn owner(db: &Db, organisation: &Organisation, now: Timestamp) -> Result<User, StoreError> {
    if let Some(user) = users::find_by_email(db, OWNER).await? {
        return Ok(user);
    }
    let new = NewUser {
        email: OWNER,
        name: "Dev",
        password: None,
        is_operator: true,
    };
    users::create(db, new, Some((organisation.id, Role::Owner)), now).await
}

async fn fresh_key(
    db: &Db,
    organisation: &Organisation,
    now: Timestamp,
) -> anyhow::Result<PlainKey> {
    let key = fresh_secret()?;
    let new = NewKey {
        organisation_id: organisation.id,
        project_id: None,
        name: format!("dev {now}"),
        models: None,
        limits: Limits::default(),
        expires_at: None,
    };
    keys::create(db, new, &key.hash(), &key.display(), now).await?;
    Ok(key)
}

async fn demo(db: &Db, now: Timestamp) -> Result<Organisation, StoreError> {
    match organisations::find(db, ORGANISATION).await? {
        Some(organisation) => Ok(organisation),
        None => organisations::create(db, ORGANISATION, &Limits::default(), now).await,
    }
}

/// How a command begins that works on the try-out's database, whatever `set` variables say.
fn own_command(data_dir: &Path, set: impl Iterator<Item = String>) -> String {
    let mut words = Vec::new();
    for name in set.filter(|name| DATABASES.contains(&&**name)) {
        words.extend(["-u".to_owned(), name]);
    }
    if !words.is_empty() {
        words.insert(0, "env".to_owned());
    }
    let data_dir = paste::word(&data_dir.to_string_lossy());
    words.push(format!("tollgate --data-dir {data_dir}"));
    words.join(" ")
}

fn welcome(config: &Config, address: SocketAddr, tryout: &TryOut) -> String {
    let base = format!("http://{address}/v1");
    let (key, link) = (tryout.key.expose(), &tryout.link);
    let mut patterns = config
        .providers
        .iter()
        .flat_map(|provider| &provider.models);
    let model = patterns
        .find_map(|pattern| pattern.exact())
        .unwrap_or("gpt-4o-mini");
    let tollgate = own_command(
        &config.data_dir,
        process_environment().map(|(name, _)| name),
    );
    format!(
        r#"
Tollgate is running. Any OpenAI client works with:

  OPENAI_BASE_URL={base}
  OPENAI_API_KEY={key}

Try it, also with "stream":true:

  curl -sN {base}/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{"model":"{model}","messages":[{{"role":"user","content":"Hello!"}}]}}'

The dashboard; this link signs you in once:

  {link}

See what it used:

  {tollgate} usage --org {ORGANISATION}
"#
    )
}
