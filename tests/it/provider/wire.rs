//! Reading HTTP/1.1 requests off a socket, strictly: the peer is our own gateway.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;

/// Why no request could be read.
#[derive(Debug)]
pub enum NoRequest {
    /// The peer closed or reset the connection.
    Gone,
    /// The bytes are not a request.
    Malformed,
}

/// A request's first line and headers.
pub struct Head {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
}

/// The reading side of a connection; bytes read ahead stay in the buffer.
pub struct Reader {
    socket: OwnedReadHalf,
    buffer: BytesMut,
}

impl Reader {
    pub fn new(socket: OwnedReadHalf) -> Self {
        Self {
            socket,
            buffer: BytesMut::new(),
        }
    }

    /// The next request, complete.
    pub async fn request(&mut self) -> Result<(Head, Bytes), NoRequest> {
        let end = self.find(b"\r\n\r\n").await?;
        let head = self.buffer.split_to(end + 4);
        let head = parse(&head[..end]).ok_or(NoRequest::Malformed)?;
        let body = self.body(&head.headers).await?;
        Ok((head, body))
    }

    /// Returns when the peer closes or resets the connection; reads ahead meanwhile.
    pub async fn gone(&mut self) {
        while self.read_more().await.is_ok() {}
    }

    async fn body(&mut self, headers: &HeaderMap) -> Result<Bytes, NoRequest> {
        let lengths: Vec<_> = headers.get_all("content-length").iter().collect();
        let codings: Vec<_> = headers.get_all("transfer-encoding").iter().collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(Bytes::new()),
            ([length], []) => {
                let length = length.to_str().ok().and_then(|text| text.parse().ok());
                self.take(length.ok_or(NoRequest::Malformed)?).await
            }
            ([], [coding]) if *coding == "chunked" => self.chunked().await,
            _ => Err(NoRequest::Malformed),
        }
    }

    async fn chunked(&mut self) -> Result<Bytes, NoRequest> {
        let mut body = BytesMut::new();
        loop {
            let end = self.find(b"\r\n").await?;
            let line = self.buffer.split_to(end + 2);
            let size = std::str::from_utf8(&line[..end]).ok();
            let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.ok_or(NoRequest::Malformed)?;
            body.extend(self.take(size).await?);
            if self.take(2).await? != b"\r\n"[..] {
                return Err(NoRequest::Malformed);
            }
            if size == 0 {
                return Ok(body.freeze());
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, NoRequest> {
        while self.buffer.len() < length {
            self.read_more().await?;
        }
        Ok(self.buffer.copy_to_bytes(length))
    }

    /// Where `needle` begins in the buffer, once it is there.
    async fn find(&mut self, needle: &[u8]) -> Result<usize, NoRequest> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, needle) {
                return Ok(at);
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<(), NoRequest> {
        match self.socket.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(NoRequest::Gone),
            Ok(_) => Ok(()),
        }
    }
}

fn parse(head: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path, version) = (first.next()?, first.next()?, first.next()?);
    if version != "HTTP/1.1" || first.next().is_some() {
        return None;
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(Head {
        method: method.parse().ok()?,
        path: path.to_owned(),
        headers,
    })
}
