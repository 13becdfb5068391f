//! A socket that gives up on a peer that is silent, sends its head too slowly, or does not read.
//! hyper's own deadline for heads would also be the one for idle connections. One timer a socket,
//! moved only when it fires: deadlines change with every call, and most never matter.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::farewell::Farewell;
use super::in_flight::{InFlight, Seen};

/// How long a connection may wait for its peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// From the first byte of a head to its end.
    pub(super) head: Duration,
    /// Between calls.
    pub(super) idle: Duration,
    /// For room to write.
    pub(super) write: Duration,
}

/// See the module.
pub(super) struct GuardedIo {
    stream: Farewell,
    deadlines: Deadlines,
    in_flight: InFlight,
    calls: Seen,
    /// HTTP/2 peers send frames at any time, which do not begin a head.
    is_h2: Option<bool>,
    /// Since when the peer owes us the rest of a head, or anything at all.
    owes: Owes,
    stalled: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

#[derive(Clone, Copy)]
enum Owes {
    /// The first byte of the next head.
    Anything(Instant),
    /// The rest of one.
    Head(Instant),
    /// Nothing: it waits for us.
    Nothing,
}

impl Deadlines {
    fn shortest(&self) -> Duration {
        self.head.min(self.idle).min(self.write)
    }
}

impl GuardedIo {
    pub(super) fn new(stream: Farewell, deadlines: Deadlines, in_flight: InFlight) -> Self {
        Self {
            stream,
            deadlines,
            in_flight,
            calls: Seen::default(),
            is_h2: None,
            owes: Owes::Anything(Instant::now()),
            stalled: None,
            timer: Box::pin(tokio::time::sleep(deadlines.shortest())),
        }
    }

    /// Notes what a read brought.
    fn heard(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.stream.is_over();
        }
        let is_h2 = *self.is_h2.get_or_insert_with(|| bytes.starts_with(b"PRI"));
        self.waits();
        if let (Owes::Anything(_), false) = (self.owes, is_h2) {
            self.owes = Owes::Head(Instant::now());
        }
    }

    /// Notes which calls have begun and ended. An HTTP/2 peer is idle without calls, whatever
    /// frames it sends.
    fn waits(&mut self) {
        let calls = self.in_flight.look();
        if calls.is_any() {
            self.owes = Owes::Nothing;
        } else if calls != self.calls || matches!(self.owes, Owes::Nothing) {
            // A call ended since: it may have begun and ended between two reads.
            self.owes = Owes::Anything(Instant::now());
        }
        self.calls = calls;
    }

    /// Notes that the peer takes what is left of an answer. HTTP/2 counts that as a call.
    fn wrote(&mut self) {
        if let (Owes::Anything(_), Some(false)) = (self.owes, self.is_h2) {
            self.owes = Owes::Anything(Instant::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let owed = match self.owes {
            Owes::Anything(since) => since.checked_add(self.deadlines.idle),
            Owes::Head(since) => since.checked_add(self.deadlines.head),
            Owes::Nothing => None,
        };
        let write = self.deadlines.write;
        let unread = self.in_flight.unread_since();
        let stalled = self.stalled.into_iter().chain(unread).min();
        let stalled = stalled.and_then(|since| since.checked_add(write));
        owed.into_iter().chain(stalled).min()
    }

    /// Fails when the deadline has passed; otherwise sees to being woken.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let shortest = self.deadlines.shortest();
            let next = match self.deadline() {
                Some(deadline) if deadline <= now => {
                    self.stream.is_over();
                    return Poll::Ready(ErrorKind::TimedOut.into());
                }
                Some(deadline) => deadline.min(now + shortest),
                None => now + shortest,
            };
            self.timer.as_mut().reset(next.into());
        }
    }

    fn after_write<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            self.wrote();
            return written;
        }
        self.stalled.get_or_insert_with(Instant::now);
        self.waits();
        self.poll_deadline(cx).map(Err)
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.stream())
    }
}

impl AsyncRead for GuardedIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if this.stream().poll_read(cx, buffer)?.is_ready() {
            this.heard(buffer.filled().get(before..).unwrap_or_default());
            return Poll::Ready(Ok(()));
        }
        this.waits();
        this.poll_deadline(cx).map(Err)
    }
}

impl AsyncWrite for GuardedIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream().poll_write(cx, bytes);
        this.after_write(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream().poll_write_vectored(cx, slices);
        this.after_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        // As all TCP sockets are.
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::farewell::Left;
    use super::*;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _peer = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let deadlines = Deadlines {
            head: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            write: Duration::from_millis(50),
        };
        let left = Left::default();
        let stream = Farewell::new(stream, left.clone());
        let mut io = GuardedIo::new(stream, deadlines, InFlight::default());
        let bytes = vec![0; 65536];
        let mut write =
            async || std::future::poll_fn(|cx| Pin::new(&mut io).poll_write(cx, &bytes)).await;
        let given_up = loop {
            if let Err(error) = write().await {
                break error;
            }
        };
        assert_eq!(given_up.kind(), ErrorKind::TimedOut);
        drop(io);
        assert!(left.is_empty());
    }
}
