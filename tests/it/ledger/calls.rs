//! Numbered calls. Each asks for an output cap of its own and is answered with usage of its own, so
//! that clients, provider and books can be compared call by call.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;

use crate::provider::{self, EventStream, Script, Usage, completion, sse};
use crate::support::client::{CHAT, Client};

/// The length of every body: as many tokens are held for it.
const BODY: usize = 200;
/// The smallest output cap.
const CAP: usize = 200;

/// A call as its client knows it.
#[derive(Clone, Debug)]
pub struct Made {
    /// 0 if no answer came.
    pub status: u16,
    /// Whether nobody was there to take it.
    pub is_refused: bool,
    /// What the answer's head calls it.
    pub id: String,
    /// Of a refusal.
    pub code: String,
    /// When to try again, if the answer says so.
    pub wait: Option<Duration>,
    /// The tokens that it was told, if it saw the end.
    pub usage: Option<Usage>,
    /// When it was over.
    pub at: Instant,
}

/// What the client sends: every second call asks for a stream.
pub fn body(number: usize) -> String {
    let stream = if is_stream(number) {
        r#","stream":true,"stream_options":{"include_usage":true}"#
    } else {
        ""
    };
    let open = format!(
        r#"{{"model":"m","max_tokens":{}{stream},"messages":[{{"role":"user","content":""#,
        CAP + number
    );
    let end = r#""}]}"#;
    format!("{open}{:x<1$}{end}", "", BODY - open.len() - end.len())
}

/// What the call holds, unless its cap shrinks; no other call holds the same.
pub fn held(number: usize) -> i64 {
    i64::try_from(BODY + CAP + number).unwrap()
}

/// What it used; no other call used the same. Never more than it holds.
pub fn usage(number: usize) -> Usage {
    let number = u64::try_from(number).unwrap();
    Usage::new(1 + number % 150, 100 + number / 150)
}

/// The number of a call that reached the provider.
pub fn number_of(seen: &provider::Seen) -> usize {
    let cap = seen.json()["max_tokens"].as_u64().unwrap();
    usize::try_from(cap).unwrap() - CAP
}

/// What the provider answers: some at once, some after a while, some bit by bit.
pub fn answer(seen: &provider::Seen) -> Script {
    if seen.method != Method::POST {
        return provider::honest(seen);
    }
    let number = number_of(seen);
    let usage = usage(number);
    let pause = Duration::from_millis(u64::try_from(number % 13).unwrap());
    if !is_stream(number) {
        return completion(seen, usage).script().after(pause);
    }
    let piece = |stream: EventStream, text| stream.wait(pause).frame(sse::chunk(text));
    let said = ["po", "ng", ", ", "pong"].into_iter();
    let said = said.fold(EventStream::of([sse::role()]), piece);
    let end = [sse::finish("stop"), sse::usage(usage), sse::done()];
    end.into_iter().fold(said, EventStream::frame).finish()
}

/// Makes a call, whatever becomes of its gateway meanwhile.
pub async fn make(client: &Client, secret: &str, number: usize) -> Made {
    let mut made = Made {
        status: 0,
        is_refused: false,
        id: String::new(),
        code: String::new(),
        wait: None,
        usage: None,
        at: Instant::now(),
    };
    let mut answer = match client.try_open(CHAT, secret, &body(number)).await {
        Ok(answer) => answer,
        Err(lost) => {
            let lost = lost.downcast_ref::<io::Error>();
            made.is_refused = lost.is_some_and(|lost| lost.kind() == ErrorKind::ConnectionRefused);
            return made;
        }
    };
    made.status = answer.0.status().as_u16();
    let header = |name: &str| {
        let value = answer.0.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    made.id = header("x-request-id").unwrap_or_default();
    made.wait = header("retry-after-ms").map(|wait| Duration::from_millis(wait.parse().unwrap()));
    let (text, is_whole) = answer.read_on().await;
    if made.status == 200 && is_stream(number) {
        made.read_stream(&text);
    } else if is_whole {
        made.read(&text);
    }
    made.at = Instant::now();
    made
}

impl Made {
    /// Whether it was served to its end, or not taken on at all.
    pub fn is_fine(&self) -> bool {
        self.usage.is_some() || self.is_refused
    }

    /// Notes what a whole answer says.
    fn read(&mut self, text: &str) {
        let Ok(answer) = serde_json::from_str::<Value>(text) else {
            // A proxy's own page.
            text.clone_into(&mut self.code);
            return;
        };
        if self.status == 200 {
            self.usage = Some(usage_in(&answer));
        } else {
            let code = answer["error"]["code"].as_str();
            code.unwrap().clone_into(&mut self.code);
        }
    }

    /// Notes what a stream says, if it came to its end.
    fn read_stream(&mut self, text: &str) {
        if !text.ends_with("data: [DONE]\n\n") {
            return;
        }
        let mut events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let last = events.rfind(|event| event.contains(r#""usage":{"#));
        let last: Value = serde_json::from_str(last.unwrap()).unwrap();
        self.usage = Some(usage_in(&last));
    }
}

fn usage_in(answer: &Value) -> Usage {
    let count = |name: &str| answer["usage"][name].as_u64().unwrap();
    Usage::new(count("prompt_tokens"), count("completion_tokens"))
}

fn is_stream(number: usize) -> bool {
    number % 2 == 1
}
