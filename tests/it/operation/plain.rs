//! A provider that costs little and remembers nothing: for a million calls, where the scripted one would
//! keep each of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const PAUSE: Duration = Duration::from_millis(2);
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const PIECES: [&str; 4] = [
    r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"po"},"finish_reason":null}]}"#,
    r#"{"id":"c","choices":[{"index":0,"delta":{"content":"ng"},"finish_reason":"stop"}]}"#,
    r#"{"id":"c","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}"#,
    "[DONE]",
];
const WHOLE: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"pong"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}"#;

/// Running until it is dropped.
pub struct Plain {
    port: u16,
    _stop: DropGuard,
}

impl Plain {
    /// One that thinks for so long about each answer.
    pub async fn start(latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = CancellationToken::new();
        let ended = stop.clone();
        let accepting = async move {
            let connections = TaskTracker::new();
            while let Ok((socket, _)) = listener.accept().await {
                let serving = serve(socket, latency);
                connections.spawn(ended.clone().run_until_cancelled_owned(serving));
            }
        };
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(accepting));
        Self {
            port,
            _stop: stop.drop_guard(),
        }
    }

    /// The configuration by which it serves the model `plain`.
    pub fn config(&self) -> String {
        format!(
            "[[providers]]\nname = \"plain\"\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodels = [\"plain\"]\n\
             [[models]]\nname = \"plain\"\nprovider = \"plain\"\nmax_output_tokens = 100\n",
            self.port
        )
    }
}

/// A call for it, with `extra` fields.
pub fn body(extra: &str) -> String {
    format!(r#"{{"model":"plain","messages":[{{"role":"user","content":"ping"}}]{extra}}}"#)
}

/// Answers until the peer leaves.
async fn serve(mut socket: TcpStream, latency: Duration) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let mut read = Vec::with_capacity(4096);
    loop {
        let length = loop {
            if let Some(length) = request(&read) {
                break length;
            }
            if socket.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
        };
        let is_stream = find(&read[..length], br#""stream":true"#).is_some();
        read.drain(..length);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        answer(&mut socket, is_stream).await?;
    }
}

async fn answer(socket: &mut TcpStream, is_stream: bool) -> Option<()> {
    if !is_stream {
        let length = WHOLE.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{WHOLE}"
        );
        return socket.write_all(answer.as_bytes()).await.ok();
    }
    socket.write_all(STREAM.as_bytes()).await.ok()?;
    for piece in PIECES {
        let length = piece.len() + 8;
        let chunk = format!("{length:x}\r\ndata: {piece}\n\n\r\n");
        socket.write_all(chunk.as_bytes()).await.ok()?;
        tokio::time::sleep(PAUSE).await;
    }
    socket.write_all(b"0\r\n\r\n").await.ok()
}

/// How long the first request is, if all of it is there.
fn request(read: &[u8]) -> Option<usize> {
    let head = find(read, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(": "));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let whole = head + length.map_or(0, |(_, length)| length.parse().unwrap());
    (read.len() >= whole).then_some(whole)
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes
        .windows(words.len())
        .position(|window| window == words)
}
