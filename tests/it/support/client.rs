//! A client that shows what is on the wire: status, headers and bytes, whole or as they come, and
//! raw sockets for what no client would send.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connections::{Connections, Lost};

pub const CHAT: &str = "/v1/chat/completions";

/// Talks to one gateway.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    connections: Connections,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connections: Connections::default(),
        }
    }

    /// `POST`s JSON with a bearer key.
    pub async fn post(&self, path: &str, secret: &str, body: &str) -> Reply {
        self.open(path, secret, body).await.read().await
    }

    /// A chat call with the smallest body for `model`.
    pub async fn chat(&self, secret: &str) -> Reply {
        self.post(CHAT, secret, &chat_body("")).await
    }

    /// The same without waiting for the body.
    pub async fn open(&self, path: &str, secret: &str, body: &str) -> Opened {
        self.try_open(path, secret, body).await.unwrap()
    }

    /// The same where the gateway may be gone.
    pub async fn try_open(&self, path: &str, secret: &str, body: &str) -> Result<Opened, Lost> {
        let bearer = format!("Bearer {secret}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.try_send(Method::POST, path, &headers, body).await
    }

    pub async fn get(&self, path: &str, secret: &str) -> Reply {
        let bearer = format!("Bearer {secret}");
        self.send(Method::GET, path, &[("authorization", &bearer)], "")
            .await
            .read()
            .await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Opened {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.send_bytes(method, path, headers, body).await
    }

    /// The same for a body that is no text.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Opened {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// The same where the gateway may be gone.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Opened, Lost> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let answer = self.connections.send(self.address, request).await;
        answer.map(Opened)
    }

    /// Writes `bytes` on a socket of their own and reads until the gateway closes it.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut socket = self.connect().await;
        // The gateway may answer and close before it has read everything.
        let _ = socket.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// An answer whose body is not read yet; dropped, the client has left.
pub struct Opened(pub Response<Incoming>);

impl Opened {
    /// Reads to the end; a body that breaks fails the test.
    pub async fn read(self) -> Reply {
        let (head, body) = self.0.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Reads on for as long as there is something; whether the body came to its end.
    pub async fn read_on(&mut self) -> (String, bool) {
        let mut text = Vec::new();
        let is_whole = loop {
            match self.0.body_mut().frame().await {
                Some(Ok(frame)) => text.extend(frame.into_data().unwrap()),
                Some(Err(_)) => break false,
                None => break true,
            }
        };
        (String::from_utf8(text).unwrap(), is_whole)
    }

    /// The next piece of the body.
    pub async fn next(&mut self) -> Option<Bytes> {
        let frame = self.0.body_mut().frame().await?.unwrap();
        Some(frame.into_data().unwrap())
    }
}

impl Reply {
    /// What a raw socket got, if it is one answer.
    #[track_caller]
    pub fn parse(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").expect("a whole head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let fields = lines.filter_map(|line| line.split_once(':'));
        Self {
            status: status.unwrap().parse().unwrap(),
            headers: fields
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.trim()))
                .map(|(name, value)| (name, value.parse::<HeaderValue>().unwrap()))
                .collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of an error in the envelope.
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Fails unless this is a refusal of ours with this status and code.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{}",
            self.text()
        );
    }
}

/// A chat body for model `m`, with `extra` fields such as `,"stream":true`.
pub fn chat_body(extra: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hello"}}]{extra}}}"#)
}
