//! nginx as the yardstick: one worker, a keep-alive pool to the provider, answers passed on
//! as they come, and one log line a call, which the gateway writes too.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::Result;

use crate::process;

/// Whether nginx is here to compare with.
pub fn version() -> Option<String> {
    let output = Command::new("nginx").arg("-v").output().ok()?;
    Some(
        String::from_utf8_lossy(&output.stderr)
            .trim()
            .replace("nginx version: ", ""),
    )
}

/// Writes a configuration into `dir`; the command that runs it on `core`.
pub fn command(
    core: usize,
    dir: &Path,
    listen: SocketAddr,
    upstream: SocketAddr,
) -> Result<Command> {
    let file = dir.join("nginx.conf");
    fs::write(&file, configuration(dir, listen, upstream))?;
    let mut command = process::pinned(core, "nginx");
    command.arg("-p").arg(dir).arg("-c").arg(&file);
    command.arg("-e").arg(dir.join("nginx-error.log"));
    Ok(command)
}

fn configuration(dir: &Path, listen: SocketAddr, upstream: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "daemon off;
user root root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {dir}/nginx-access.log;
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    tcp_nodelay on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    upstream provider {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    )
}
