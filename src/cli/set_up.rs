//! The way into an empty installation: `serve` prints a link by which the first operator sets it up.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use crate::lifecycle::Lifecycle;
use crate::management::{Management, Problem};

/// How often to look whether the database can be asked.
const AGAIN: Duration = Duration::from_millis(250);

/// Prints the link on stderr, as soon as the database is there and migrated, if there is nobody yet. Never
/// returns.
pub(super) async fn offer(management: &Management, lifecycle: &Lifecycle) -> Infallible {
    loop {
        if !lifecycle.is_ready() {
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        match management.set_up_link().await {
            Ok(Some(link)) => print(&link),
            Ok(None) => {}
            Err(Problem::Unavailable) => {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Err(_) => tracing::warn!("no set-up link can be made; see `tollgate user create`"),
        }
        return pending().await;
    }
}

/// It is a secret, and no log line: whoever runs the server reads it here, once.
#[expect(clippy::print_stderr, reason = "what only the operator may read")]
fn print(link: &str) {
    eprintln!("tollgate: nobody can sign in yet; set up within an hour, once, at {link}");
}
