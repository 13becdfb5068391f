//! A client connection that reads answers at the least cost: it follows only the framing,
//! so that the load stays cheaper than what it measures.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What an answer was, without its bytes.
pub struct Answer {
    pub status: u16,
    pub first_byte: Instant,
    pub body_bytes: usize,
    /// The server closes this connection.
    pub last: bool,
}

struct Head {
    status: u16,
    length: Option<usize>,
    chunked: bool,
    last: bool,
}

/// One keep-alive connection.
pub struct Connection {
    socket: TcpStream,
    unread: BytesMut,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            unread: BytesMut::with_capacity(64 * 1024),
        })
    }

    /// Sends `request` and reads the whole answer.
    pub async fn call(&mut self, request: &[u8]) -> Result<Answer> {
        self.socket.write_all(request).await?;
        let head = self.head().await?;
        if self.unread.is_empty() {
            self.fill().await?;
        }
        let first_byte = Instant::now();
        let body_bytes = match (head.chunked, head.length) {
            (true, _) => self.chunks().await?,
            (false, Some(length)) => {
                self.skip(length).await?;
                length
            }
            (false, None) => bail!("an answer without a length"),
        };
        Ok(Answer {
            status: head.status,
            first_byte,
            body_bytes,
            last: head.last,
        })
    }

    async fn head(&mut self) -> Result<Head> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.unread, b"\r\n\r\n") {
                let head = self.unread.split_to(end + 4);
                return parse(std::str::from_utf8(&head)?);
            }
            self.fill().await?;
        }
    }

    async fn chunks(&mut self) -> Result<usize> {
        let mut total = 0;
        loop {
            let size = self.chunk_size().await?;
            self.skip(size + 2).await?;
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }

    async fn chunk_size(&mut self) -> Result<usize> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread) {
                let line = self.unread.split_to(end + 1);
                return Ok(usize::from_str_radix(
                    std::str::from_utf8(&line)?.trim(),
                    16,
                )?);
            }
            self.fill().await?;
        }
    }

    async fn skip(&mut self, mut count: usize) -> Result<()> {
        while count > self.unread.len() {
            count -= self.unread.len();
            self.unread.clear();
            self.fill().await?;
        }
        self.unread.advance(count);
        Ok(())
    }

    async fn fill(&mut self) -> Result<()> {
        self.unread.reserve(16 * 1024);
        if self.socket.read_buf(&mut self.unread).await? == 0 {
            bail!("the connection closed in the middle of an answer");
        }
        Ok(())
    }
}

fn parse(head: &str) -> Result<Head> {
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("no status line")?;
    let mut parsed = Head {
        status: status.parse()?,
        length: None,
        chunked: false,
        last: false,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            parsed.length = Some(value.parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            parsed.chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            parsed.last = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(parsed)
}
