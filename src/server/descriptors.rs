//! File descriptors are what connections are made of. No more connections and calls are taken on than
//! there are descriptors for, so that none is missing where a call goes on: at its provider, in the
//! journal, in the database.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config;

/// For databases, journal, listeners and whatever else is not a call.
const OWN: usize = 100;

/// Takes as many descriptors as this process may have, and lowers the caps of `server` to what they are
/// enough for: a call needs one for its client and one for its provider. What an operator should know
/// about that.
pub fn fit(server: &mut config::Server) -> Option<String> {
    fit_into(server, raise())
}

fn fit_into(server: &mut config::Server, limit: usize) -> Option<String> {
    let most = (limit.saturating_sub(OWN) / 2).max(1);
    if server.max_connections.max(server.max_calls) <= most {
        return None;
    }
    server.max_connections = server.max_connections.min(most);
    server.max_calls = server.max_calls.min(most);
    Some(format!(
        "{limit} file descriptors are enough for {most} connections and as many calls, fewer than \
         server.max_connections or server.max_calls; raise the limit (LimitNOFILE, ulimit -n) or lower these"
    ))
}

/// Raises the limit as far as this process may; how many descriptors it has then.
fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let is_raised = limit.current == limit.maximum || setrlimit(Resource::Nofile, raised).is_ok();
    let current = if is_raised {
        limit.maximum
    } else {
        limit.current
    };
    current.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn caps_are_lowered_to_what_there_are_descriptors_for() {
        let config = Config::load_without_credentials(Sources {
            files: &[],
            environment: [],
            data_dir: None,
        });
        let mut server = config.unwrap().server;
        let (calls, connections) = (server.max_calls, server.max_connections);
        assert_eq!(fit_into(&mut server, 1_000_000), None);
        assert_eq!(
            (server.max_calls, server.max_connections),
            (calls, connections)
        );
        assert!(fit_into(&mut server, 1024).is_some());
        assert_eq!((server.max_calls, server.max_connections), (462, 462));
        assert!(raise() > 0);
    }
}
