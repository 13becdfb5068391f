//! One connection: reads requests, plays their scripts, notices when the peer leaves.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::Shared;
use super::calls::{Ending, Report};
use super::script::{End, Script, Step};
use super::seen::Seen;
use super::wire::{NoRequest, Reader};

/// Serves requests until the peer leaves or a script ends the connection.
pub(super) async fn serve(socket: TcpStream, number: usize, shared: Arc<Shared>) {
    socket.set_nodelay(true).unwrap();
    let (read, mut write) = socket.into_split();
    let mut reader = Reader::new(read);
    loop {
        let (head, body) = match reader.request().await {
            Ok(request) => request,
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Malformed) => return shared.calls.broke_http(),
        };
        let seen = Seen {
            method: head.method,
            path: head.path,
            headers: head.headers,
            body,
            at: Instant::now(),
            connection: number,
        };
        let script = shared.script_for(&seen);
        let is_call = seen.method == "POST"; // the gateway lists models whenever it likes
        let place = shared.calls.begin(seen);
        let playing = async {
            if is_call {
                shared.hold.pass().await;
            }
            play(script, place, &mut write, &shared).await
        };
        let played = tokio::select! {
            biased;
            played = playing => played,
            () = reader.gone() => None,
        };
        let Some(end) = played else {
            return shared.calls.end(place, Ending::Cancelled);
        };
        shared.calls.end(place, Ending::Finished);
        match end {
            End::KeepAlive => {}
            End::Close => return,
            End::Reset => {
                write.as_ref().set_zero_linger().unwrap();
                // Dropping it would say goodbye first, and the peer would see a clean end.
                return write.forget();
            }
        }
    }
}

/// Plays a script; `None` if the peer left meanwhile.
async fn play(
    script: Script,
    place: usize,
    write: &mut OwnedWriteHalf,
    shared: &Shared,
) -> Option<End> {
    for step in script.steps {
        match step {
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Pass(gate) => gate.pass().await,
            Step::Hang => std::future::pending().await,
            Step::Send(bytes, reports) => {
                let report = reports.map(|usage| shared.calls.report(place, usage));
                write.write_all(&bytes).await.ok()?;
                report.into_iter().for_each(Report::keep);
            }
            Step::Forever(bytes) => loop {
                write.write_all(&bytes).await.ok()?;
                tokio::task::yield_now().await;
            },
        }
    }
    Some(script.end)
}
