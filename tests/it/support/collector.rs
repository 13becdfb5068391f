//! A collector of traces: takes what is sent by OTLP over HTTP and keeps it as it was decoded.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tollgate::traces::otlp::{ExportRequest, ExportResponse, PartialSuccess, Span, Value};

/// See the module.
pub struct Collector {
    endpoint: String,
    state: Arc<Mutex<State>>,
    _stop: DropGuard,
}

#[derive(Default)]
struct State {
    requests: Vec<ExportRequest>,
    raw: Vec<u8>,
    /// Statuses of the next answers; 200 after that.
    answers: VecDeque<u16>,
    rejected: i64,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (state, stop) = (Arc::<Mutex<State>>::default(), CancellationToken::new());
        let serving = serve(listener, Arc::clone(&state));
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(serving));
        Self {
            endpoint,
            state,
            _stop: stop.drop_guard(),
        }
    }

    /// The section of the configuration that sends here.
    pub fn config(&self) -> String {
        format!("[traces]\nendpoint = \"{}\"", self.endpoint)
    }

    /// Answers the next requests with `statuses`.
    pub fn answer(&self, statuses: &[u16]) {
        self.state.lock().answers.extend(statuses);
    }

    /// Says of each request that `count` spans of it were not taken.
    pub fn reject(&self, count: i64) {
        self.state.lock().rejected = count;
    }

    /// What it took, in order.
    pub fn requests(&self) -> Vec<ExportRequest> {
        self.state.lock().requests.clone()
    }

    /// All that came, taken or not.
    pub fn raw(&self) -> Vec<u8> {
        self.state.lock().raw.clone()
    }

    /// All spans of it.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Waits for `count` spans.
    pub async fn received(&self, count: usize) -> Vec<Span> {
        let began = Instant::now();
        loop {
            let spans = self.spans();
            if spans.len() >= count {
                return spans;
            }
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "waited in vain for {count} spans: {spans:#?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let connections = TaskTracker::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let answer = service_fn(move |request| answer(request, Arc::clone(&state)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut state = state.lock();
    state.raw.extend_from_slice(&body);
    let status = state.answers.pop_front().unwrap_or(200);
    if status == 200 {
        state.requests.push(ExportRequest::decode(body).unwrap());
    }
    let partial_success = (state.rejected > 0).then_some(PartialSuccess {
        rejected_spans: state.rejected,
    });
    let body = ExportResponse { partial_success }.encode_to_vec();
    let answer = Response::builder().status(status);
    Ok(answer.body(Full::new(Bytes::from(body))).unwrap())
}

/// The attribute `key` of `span`, as text.
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    Some(match found.value.clone()?.value? {
        Value::Text(text) => text,
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Real(real) => real.to_string(),
    })
}
