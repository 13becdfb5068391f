//! In a control group with little memory (a container, a systemd unit with `MemoryMax`) as much is taken on
//! as fits: calls are refused before the kernel ends the process.

use std::fs;
use std::path::Path;

use crate::config;

/// How `/proc/self/cgroup` begins a group, where groups are, and what says how much one may have: the
/// second version of control groups, and the first.
const GROUPS: [(&str, &str, &str); 2] = [
    ("0::/", "/sys/fs/cgroup", "memory.max"),
    (
        ":memory:/",
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
    ),
];
/// What a call takes, its body apart, and what a connection does without one (`docs/operations.md` has
/// what was measured).
const CALL: u64 = 64 * 1024;
const CONNECTION: u64 = 32 * 1024;

/// Lowers the caps of `server` to what the memory that this process may have is enough for: a quarter of
/// it each for calls, for their bodies and for connections; the rest is for everything else. What an operator should know about that.
pub fn fit(server: &mut config::Server) -> Option<String> {
    fit_into(server, limit()?)
}

fn fit_into(server: &mut config::Server, limit: u64) -> Option<String> {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let fits = [
        count(limit / 4 / CALL).max(1),
        count(limit / 4 / CONNECTION).max(1),
        count(limit / 4).max(server.max_body_bytes),
    ];
    let caps = [
        &mut server.max_calls,
        &mut server.max_connections,
        &mut server.max_buffered_bytes,
    ];
    let mut is_little = false;
    for (cap, fit) in caps.into_iter().zip(fits) {
        is_little |= *cap > fit;
        *cap = fit.min(*cap);
    }
    is_little.then(|| {
        format!(
            "{} MB of memory are enough for {} calls, {} MB of their bodies and {} connections at once",
            limit >> 20,
            server.max_calls,
            server.max_buffered_bytes >> 20,
            server.max_connections
        )
    })
}

/// The least that this process's group, or one around it, may have.
fn limit() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let limits = GROUPS.iter().filter_map(|(begin, groups, file)| {
        let mut lines = own.lines().filter_map(|line| line.split_once(begin));
        let own = Path::new(groups).join(lines.next()?.1);
        let around = own.ancestors().filter(|group| group.starts_with(groups));
        let limits = around.filter_map(|group| fs::read_to_string(group.join(file)).ok());
        limits.filter_map(|limit| limit.trim().parse().ok()).min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn in_little_memory_less_is_taken_on_but_one_body_always() {
        let config = Config::load_without_credentials(Sources {
            files: &[],
            environment: [],
            data_dir: None,
        });
        let mut server = config.unwrap().server;
        assert_eq!(fit_into(&mut server, 1 << 34), None);
        assert!(fit_into(&mut server, 256 << 20).is_some());
        assert_eq!((server.max_calls, server.max_connections), (1024, 2048));
        assert_eq!(server.max_buffered_bytes, 64 << 20);
        assert!(fit_into(&mut server, 64 << 20).is_some());
        assert_eq!((server.max_calls, server.max_connections), (256, 512));
        assert_eq!(server.max_buffered_bytes, server.max_body_bytes);
    }
}
