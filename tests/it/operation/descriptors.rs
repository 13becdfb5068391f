//! A process that may have few descriptors: it promises no more than it has, so nothing breaks where a
//! call goes on.

use futures_util::future::join_all;

use super::caller::Caller;
use crate::ledger::site::Site;
use crate::ledger::until;
use crate::provider::{EventStream, Provider, honest, sse};
use crate::support::client::chat_body;
use crate::support::db::TestDb;

/// Enough for a hundred connections and their calls.
const FEW: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_few_descriptors_fewer_calls_are_taken_on_and_all_of_them_are_served() {
    let provider = Provider::start(|seen| {
        if seen.body.windows(6).any(|word| word == b"stream") {
            EventStream::of([sse::role(), sse::chunk("hm")]).stall()
        } else {
            honest(seen)
        }
    });
    let site = Site::new(TestDb::sqlite().await, provider.await, "");
    let key = site.key(&[]);
    let mut machine = site.machine();
    machine.descriptors = FEW;
    let process = machine.serve().await;
    let mut bystander = Caller::new(&process, &key.secret, &chat_body(""));
    bystander.calls(10).await;

    let opener = Caller::new(&process, &key.secret, &chat_body(r#","stream":true"#));
    let begun = join_all((0..150).map(|_| opener.begin(b"\r\n\r\n"))).await;
    // Those over the cap were closed without a word; the others are served, or told to come later.
    let mut open: Vec<_> = begun.into_iter().filter_map(Result::ok).collect();
    assert!(open.len() >= 90, "{}", open.len());
    until("streams fill it", async || site.sent().len() >= 10 + 80).await;
    assert!(site.sent().len() <= 10 + 89, "{}", site.sent().len());
    open.truncate(50);
    until("others are served again", async || {
        bystander.call().await.unwrap().status == 200
    })
    .await;
    bystander.calls(10).await;
    drop(open);
    process.stop();
    assert_eq!(site.events().await.len(), site.sent().len());
    site.verify();
}
