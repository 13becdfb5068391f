//! `tollgate healthcheck`: asks the running gateway whether it is ready, for containers that have no
//! other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

use super::print::Printer;

/// A gateway that needs longer is not ready.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Serialize)]
struct Ready {
    ready: bool,
}

pub(super) async fn run(listen: SocketAddr, printer: Printer) -> anyhow::Result<()> {
    let address = reachable(listen);
    let asked = tokio::time::timeout(PATIENCE, ask(address)).await;
    let status = asked
        .with_context(|| format!("{address} does not answer; is the gateway running?"))?
        .with_context(|| format!("cannot reach {address}; is the gateway running?"))?;
    if !status.is_success() {
        bail!("the gateway at {address} is not ready ({status}); see its log");
    }
    printer.answer(&Ready { ready: true }, || "ready".to_owned())
}

/// Where this machine reaches a listener: an unspecified address listens on loopback, too.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr) -> anyhow::Result<StatusCode> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/readyz")
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let mut answer = pin!(sender.send_request(request));
    tokio::select! {
        answer = &mut answer => Ok(answer?.status()),
        // What ended the connection may have been the end of the answer.
        _ = connection => Ok(answer.await?.status()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_listener_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
