//! A bare HTTP client that shows every byte and every way a connection ends.

use std::io::ErrorKind;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::provider::{Provider, patiently};

/// One connection to the provider.
pub struct Peer {
    socket: TcpStream,
    /// Whether the connection was reset.
    pub was_reset: bool,
}

/// An answer with its transfer coding removed.
pub struct Received {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Peer {
    pub async fn of(provider: &Provider) -> Self {
        let url = provider.base_url();
        let address = url
            .strip_prefix("http://")
            .unwrap()
            .strip_suffix("/v1")
            .unwrap();
        Self {
            socket: TcpStream::connect(address).await.unwrap(),
            was_reset: false,
        }
    }

    pub async fn write(&mut self, bytes: &str) {
        self.socket.write_all(bytes.as_bytes()).await.unwrap();
    }

    pub async fn send(&mut self, path: &str, body: &Value) -> &mut Self {
        let body = body.to_string();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: provider\r\ncontent-length: {length}");
        self.write(&format!("{head}\r\n\r\n{body}")).await;
        self
    }

    pub async fn chat(&mut self, body: &Value) -> &mut Self {
        self.send("/v1/chat/completions", body).await
    }

    /// Whatever is there to read, `""` at the end.
    pub async fn read_some(&mut self) -> String {
        let mut buffer = vec![0; 1 << 16];
        let read = patiently("bytes from the provider", self.socket.read(&mut buffer)).await;
        let length = read.unwrap_or_else(|error| {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            self.was_reset = true;
            0
        });
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Everything up to the end of the connection, or of a chunked body.
    pub async fn rest(&mut self) -> String {
        let mut all = String::new();
        loop {
            let some = self.read_some().await;
            all += &some;
            if some.is_empty() || all.ends_with("\r\n0\r\n\r\n") {
                return all;
            }
        }
    }

    /// One whole answer.
    pub async fn answer(&mut self) -> Received {
        let mut bytes = Vec::new();
        loop {
            if let Some(answer) = parse(&bytes) {
                return answer;
            }
            let read = self.socket.read_buf(&mut bytes);
            let read = patiently("an answer from the provider", read)
                .await
                .unwrap();
            assert!(read > 0, "the answer ends early");
        }
    }
}

impl Received {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn parse(bytes: &[u8]) -> Option<Received> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let rest = &bytes[end + 4..];
    let length = head.split("content-length: ").nth(1);
    let body = match length {
        None => {
            let (body, ended) = dechunked(rest);
            ended.then_some(body)?
        }
        Some(length) => {
            let length: usize = length.lines().next()?.parse().unwrap();
            rest.get(..length)?.to_vec()
        }
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Received { status, head, body })
}

/// The payload of a chunked body as far as it came, and whether its end did.
pub fn dechunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some((size, rest)) = chunk_size(bytes)
        && let Some(chunk) = rest.get(..size)
    {
        body.extend_from_slice(chunk);
        bytes = rest.get(size + 2..).unwrap_or_default();
        if size == 0 {
            return (body, true);
        }
    }
    (body, false)
}

fn chunk_size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = memchr::memmem::find(bytes, b"\r\n")?;
    let size = std::str::from_utf8(&bytes[..end]).unwrap();
    Some((usize::from_str_radix(size, 16).unwrap(), &bytes[end + 2..]))
}
