//! The end of a listener. A client whose connection stands has been let in as far as it can tell, and
//! may have sent its call; closed, a listener would reset it while it waits to be accepted.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long a handshake that has begun may take to end: what calls a gateway directly is near.
const HANDSHAKE: Duration = Duration::from_millis(20);

/// Closes `listener` and admits everybody who had connected.
pub(super) async fn close(listener: TcpListener, mut admit: impl FnMut(TcpStream, SocketAddr)) {
    if begin_nothing_new(&listener) {
        let ending = async {
            while let Ok((stream, peer)) = listener.accept().await {
                admit(stream, peer);
            }
        };
        let _ = tokio::time::timeout(HANDSHAKE, ending).await;
    }
    // The runtime may not know yet of the last ones: the kernel does.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream.set_nonblocking(true).map(|()| stream);
        if let Ok(stream) = stream.and_then(TcpStream::from_std) {
            admit(stream, peer);
        }
    }
}

/// From now on the kernel drops what would begin a connection, and goes on with what has begun; whoever
/// is dropped tries again after a second, and is refused or finds another process listening. Whether
/// that worked.
#[cfg(target_os = "linux")]
fn begin_nothing_new(listener: &TcpListener) -> bool {
    use socket2::SockFilter;
    /// Of a packet's TCP header: where the flags are, and those that tell a beginning.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    // Classic BPF: load byte, and, jump if equal (past 0 or 1 instructions), return so many bytes.
    let drop_first_packets = [
        SockFilter::new(0x30, 0, 0, FLAGS),
        SockFilter::new(0x54, 0, 0, SYN | ACK),
        SockFilter::new(0x15, 0, 1, SYN),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    let listener = socket2::SockRef::from(listener);
    listener.attach_filter(&drop_first_packets).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn begin_nothing_new(_: &TcpListener) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_connected_is_let_in_and_who_comes_later_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut early = Vec::new();
        for _ in 0..5 {
            early.push(TcpStream::connect(address).await.unwrap());
        }
        let mut admitted = Vec::new();
        close(listener, |stream, peer| admitted.push((stream, peer))).await;
        let admitted: Vec<_> = admitted.iter().map(|(_, peer)| *peer).collect();
        let early: Vec<_> = early.iter().map(|c| c.local_addr().unwrap()).collect();
        assert_eq!(admitted, early);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
