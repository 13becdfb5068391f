//! A provider that answers at once and at little cost, and counts what it reported, so
//! that the gateway's books can be compared with it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::time::{Sleep, sleep};

const EVENTS: usize = 50;
const JSON_TOKENS: u64 = 87 + 120;
const STREAM_TOKENS: u64 = 87 + 50;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Time before an answer begins
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Time between the events of a stream
    #[arg(long, default_value_t = 0)]
    gap_ms: u64,
}

/// What the provider has answered so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub requests: u64,
    pub tokens: u64,
}

struct Provider {
    delay: Duration,
    gap: Duration,
    completion: Bytes,
    events: Vec<Bytes>,
    usage: Bytes,
    done: Bytes,
    requests: AtomicU64,
    tokens: AtomicU64,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

type Answer = Response<Either<Full<Bytes>, Burst>>;

/// Serves until it is killed; prints its address first.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let provider = Arc::new(Provider::new(options));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = crate::process::listen(options.listen).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let provider = Arc::clone(&provider);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&provider), request));
                // A caller that leaves is no concern of the provider.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    })
}

async fn answer(provider: Arc<Provider>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path();
    if request.method() == Method::GET && path == "/count" {
        return Ok(json(provider.count_json()));
    }
    if request.method() != Method::POST || path != "/v1/chat/completions" {
        return Ok(refuse(StatusCode::NOT_FOUND));
    }
    let Ok(body) = request.into_body().collect().await else {
        return Ok(refuse(StatusCode::BAD_REQUEST));
    };
    let Ok(asked) = serde_json::from_slice::<Asked>(&body.to_bytes()) else {
        return Ok(refuse(StatusCode::BAD_REQUEST));
    };
    if !provider.delay.is_zero() {
        sleep(provider.delay).await;
    }
    provider.requests.fetch_add(1, Relaxed);
    if asked.stream {
        return Ok(stream(Burst::new(
            provider,
            asked.stream_options.include_usage,
        )));
    }
    provider.tokens.fetch_add(JSON_TOKENS, Relaxed);
    Ok(json(provider.completion.clone()))
}

fn json(body: Bytes) -> Answer {
    respond(
        StatusCode::OK,
        "application/json",
        Either::Left(Full::new(body)),
    )
}

fn stream(body: Burst) -> Answer {
    respond(
        StatusCode::OK,
        "text/event-stream; charset=utf-8",
        Either::Right(body),
    )
}

fn refuse(status: StatusCode) -> Answer {
    let body = Bytes::from_static(br#"{"error":{"message":"not served here"}}"#);
    respond(status, "application/json", Either::Left(Full::new(body)))
}

fn respond(status: StatusCode, content_type: &str, body: Either<Full<Bytes>, Burst>) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header("openai-version", "2020-10-01")
        .header("openai-processing-ms", "412")
        .header("x-request-id", "req_5f1c0f3e7a8b4d0c9a3b6e2d1f4a7c80")
        .header("x-ratelimit-limit-requests", "10000")
        .header("x-ratelimit-remaining-requests", "9999")
        .header("x-ratelimit-reset-requests", "6ms")
        .body(body)
        .expect("the answer's head is made of valid constants")
}

impl Provider {
    fn new(options: &Options) -> Self {
        Self {
            delay: Duration::from_millis(options.delay_ms),
            gap: Duration::from_millis(options.gap_ms),
            completion: completion(),
            events: (0..EVENTS).map(event).collect(),
            usage: Bytes::from(chunk(
                r#"[],"usage":{"prompt_tokens":87,"completion_tokens":50,"total_tokens":137}"#,
            )),
            done: Bytes::from_static(b"data: [DONE]\n\n"),
            requests: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
        }
    }

    fn count_json(&self) -> Bytes {
        let count = Count {
            requests: self.requests.load(Relaxed),
            tokens: self.tokens.load(Relaxed),
        };
        serde_json::to_vec(&count).unwrap_or_default().into()
    }
}

/// A whole completion of about 0.9 KB.
fn completion() -> Bytes {
    let content = "Squealing in the wet mostly comes from glazed or dirty pads. ".repeat(8);
    Bytes::from(format!(
        r#"{{"id":"chatcmpl-BxQ2m7VtR0n3kYp8sLd1Wf6ZcHuE","object":"chat.completion","created":1760000000,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":87,"completion_tokens":120,"total_tokens":207}},"service_tier":"default","system_fingerprint":"fp_44added55e"}}"#
    ))
}

fn event(index: usize) -> Bytes {
    let finish = if index + 1 == EVENTS {
        r#""stop""#
    } else {
        "null"
    };
    Bytes::from(chunk(&format!(
        r#"[{{"index":0,"delta":{{"content":" word"}},"logprobs":null,"finish_reason":{finish}}}]"#
    )))
}

/// One event of about 230 bytes; `choices` may bring fields after it.
fn chunk(choices: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-BxQ2m7VtR0n3kYp8sLd1Wf6ZcHuE\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":{choices}}}\n\n"
    )
}

/// The body of a stream: every event is a frame, and so a chunk, of its own.
struct Burst {
    provider: Arc<Provider>,
    next: usize,
    with_usage: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Burst {
    fn new(provider: Arc<Provider>, with_usage: bool) -> Self {
        Self {
            provider,
            next: 0,
            with_usage,
            pause: None,
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        if self.next == EVENTS && !self.with_usage {
            self.next += 1;
        }
        let at = self.next;
        self.next += 1;
        if at == EVENTS {
            self.provider.tokens.fetch_add(STREAM_TOKENS, Relaxed);
            return Some(self.provider.usage.clone());
        }
        let end = (at == EVENTS + 1).then_some(&self.provider.done);
        self.provider.events.get(at).or(end).cloned()
    }
}

impl Body for Burst {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = self.pause.as_mut() {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let frame = self.take();
        if frame.is_some() && !self.provider.gap.is_zero() {
            self.pause = Some(Box::pin(sleep(self.provider.gap)));
        }
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
