//! The access log: one line a call, however it ends.

use crate::provider::{EventStream, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::log::Log;

const STREAM: &str = r#","stream":true"#;

fn lines(log: &Log) -> Vec<String> {
    let text = log.text();
    let access = text
        .lines()
        .filter(|line| line.contains("tollgate::access"));
    access.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_call_has_one_line_however_it_ends() {
    let (log, _logging) = Log::start();
    let app = TestApp::start().await;
    let key = app.key().await;
    let mut ids = Vec::new();

    // Whole, refused, streamed, broken.
    let cut = || EventStream::of([sse::chunk("x")]).eof();
    let calls = [
        (key.secret.as_str(), "", false),
        ("sk-nobody", "", false),
        (&key.secret, STREAM, false),
        (&key.secret, STREAM, true),
    ];
    for (secret, extra, breaks) in calls {
        if breaks {
            app.provider.direct(move |_| cut());
        }
        let answer = app.client.post(CHAT, secret, &chat_body(extra)).await;
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }

    // The client leaves within a stream.
    app.provider
        .direct(|_| EventStream::of([sse::chunk("x")]).stall());
    let mut stream = app.client.open(CHAT, &key.secret, &chat_body(STREAM)).await;
    ids.push(
        stream.0.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned(),
    );
    stream.next().await.unwrap();
    drop(stream);

    // And before there is an answer.
    app.provider.hold();
    let (client, secret) = (app.client.clone(), key.secret.clone());
    let call =
        tokio_util::task::TaskTracker::new().spawn(async move { client.chat(&secret).await });
    app.provider.waiting(1).await;
    call.abort();
    app.provider.direct(move |_| cut());
    app.provider.release();

    let count = ids.len() + 1;
    let lines = app.until("every call has its line", async || {
        let lines = lines(&log);
        (lines.len() >= count).then_some(lines)
    });
    let lines = lines.await;
    assert_eq!(lines.len(), count, "{lines:#?}");
    for id in ids {
        let own = lines.iter().filter(|line| line.contains(&id));
        assert_eq!(own.count(), 1, "{id} in {lines:#?}");
    }
}
