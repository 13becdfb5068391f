//! A client that costs little, so that the machine is the gateway's: one kept connection, and the same
//! bytes again and again.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ledger::site::Process;
use crate::support::client::CHAT;

/// See the module.
pub struct Caller {
    address: SocketAddr,
    call: Vec<u8>,
    stream: Option<TcpStream>,
    read: Vec<u8>,
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub status: u16,
    pub took: Duration,
}

impl Caller {
    pub fn new(process: &Process, secret: &str, body: &str) -> Self {
        Self {
            address: process.client.address,
            call: call(secret, body),
            stream: None,
            read: Vec::new(),
        }
    }

    /// Makes the call, whose answer has a length.
    pub async fn call(&mut self) -> io::Result<Answered> {
        let began = Instant::now();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address).await?,
        };
        stream.write_all(&self.call).await?;
        self.read.clear();
        let head = until(&mut stream, &mut self.read, b"\r\n\r\n").await?;
        let (status, length, closes) = parse(&self.read[..head]);
        while self.read.len() < head + length {
            if stream.read_buf(&mut self.read).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        if !closes {
            self.stream = Some(stream);
        }
        Ok(Answered {
            status,
            took: began.elapsed(),
        })
    }

    /// Makes the call `count` times, one after the other; how long each took. All are served.
    pub async fn calls(&mut self, count: usize) -> Vec<Duration> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let answered = self.call().await.unwrap();
            assert_eq!(answered.status, 200, "{}", self.said());
            took.push(answered.took);
        }
        took
    }

    /// Another key from now on.
    pub fn bear(&mut self, secret: &str, body: &str) {
        self.call = call(secret, body);
    }

    /// The last answer.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Begins the call on a connection of its own and reads up to `words` of its answer.
    pub async fn begin(&self, words: &[u8]) -> io::Result<TcpStream> {
        let mut stream = connect(self.address).await?;
        stream.write_all(&self.call).await?;
        until(&mut stream, &mut Vec::new(), words).await?;
        Ok(stream)
    }

    /// Begins the call on a connection of its own and leaves after some time.
    pub async fn leave(&self, after: Duration) -> io::Result<()> {
        let mut stream = connect(self.address).await?;
        stream.write_all(&self.call).await?;
        tokio::time::sleep(after).await;
        Ok(())
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn call(secret: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Reads until `words` were read; where they end.
async fn until(stream: &mut TcpStream, read: &mut Vec<u8>, words: &[u8]) -> io::Result<usize> {
    loop {
        let mut places = read.windows(words.len());
        if let Some(place) = places.position(|window| window == words) {
            return Ok(place + words.len());
        }
        if stream.read_buf(read).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Status, length of the body, and whether the connection ends.
fn parse(head: &[u8]) -> (u16, usize, bool) {
    let head = std::str::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let length = fields.clone().find(|(name, _)| *name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    (
        status,
        length,
        fields.any(|field| field == ("connection", "close")),
    )
}
