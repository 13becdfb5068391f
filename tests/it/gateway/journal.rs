//! What is written down before calls are sent and before they end, and what happens when it cannot be.

use crate::provider::{EventStream, Provider, Usage, completion, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;
use crate::support::link::Link;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_refuses_calls_and_loses_none() {
    let mut database = TestDb::postgres().await;
    let link = Link::to(&database.url).await;
    database.url = link.url();
    link.mend();
    let small = "[ledger]\njournal_max_bytes = 1048576";
    let app = TestApp::with(database, Provider::honest().await, small).await;
    let key = app.key().await;
    // The news of the key itself may still come, and drops it from memory.
    app.until("the key is known without the store", async || {
        link.mend();
        app.client.chat(&key.secret).await;
        link.cut();
        (app.client.chat(&key.secret).await.status == 200).then_some(())
    })
    .await;
    let mut served = app.sent().len();
    let refused = loop {
        let reply = app.client.chat(&key.secret).await;
        if reply.status != 200 {
            break reply;
        }
        served += 1;
        assert!(served < 5000, "the journal is never full");
    };
    refused.assert_refused(503, "ledger_unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(app.sent().len(), served, "what is refused is not sent");
    link.mend();
    app.until("calls are admitted again", async || {
        (app.client.chat(&key.secret).await.status == 200).then_some(())
    })
    .await;
    let sent = app.sent().len();
    app.until("every call that was sent is booked", async || {
        (app.count_booked().await == i64::try_from(sent).unwrap()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_wait_for_the_disk_end_as_others_do() {
    let durable = "[ledger]\ndurability = \"disk\"";
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, durable).await;
    let key = app.key().await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    app.provider.direct(|seen| {
        if !seen.wants_stream() {
            return completion(seen, Usage::new(5, 6)).script();
        }
        let usage = sse::usage(Usage::new(5, 6));
        let frames = [sse::chunk("a"), sse::finish("stop"), usage, sse::done()];
        EventStream::of(frames).finish()
    });
    let body = chat_body(r#","stream":true,"stream_options":{"include_usage":true}"#);
    let stream = app.client.post(CHAT, &key.secret, &body).await;
    assert!(
        stream.text().ends_with("data: [DONE]\n\n"),
        "{}",
        stream.text()
    );
    assert_eq!(app.booked(2).await[0].total_tokens, 11);
}
