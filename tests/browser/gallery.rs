//! Serves every page of the dashboard with made-up data, under its real path and with its real
//! headers, for eyes and for the browser's checks: `cargo run --example gallery`.

#![expect(
    clippy::indexing_slicing,
    reason = "made-up data that does not fit is a mistake to be seen at once"
)]

use axum::Router;
use axum::middleware::map_response;
use axum::response::{Html, Response};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tollgate::dashboard::{headers::PageHeaders, router};

#[path = "../it/dashboard"]
mod dashboard {
    pub mod gallery;
}
use dashboard::gallery;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    #[expect(clippy::print_stdout, reason = "who started it must know where it is")]
    {
        println!("http://{}", listener.local_addr()?);
    }
    let app = app();
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(app.clone());
        connections.spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            // A browser that leaves is no failure of ours.
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn app() -> Router {
    let pages = gallery::pages();
    let list: Vec<_> = pages.iter().map(|page| [page.name, &page.path]).collect();
    let list = serde_json::to_string(&list).unwrap_or_default();
    let app = Router::new().route("/pages.json", get(|| async { list }));
    let app = pages.into_iter().fold(app, |app, page| {
        app.route(&page.path, get(|| async { Html(page.html) }))
    });
    let private = |mut answer: Response| async {
        PageHeaders::of("http://127.0.0.1").apply(&mut answer);
        answer
    };
    app.layer(map_response(private)).merge(router())
}
