//! Answers: pages, ways on, and what stands where a page cannot be shown.

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, REFERER, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::mistakes::sentence;
use super::query;
use crate::api::problem::Told;
use crate::dashboard::gzip::{self, Compression};
use crate::dashboard::headers::PageHeaders;
use crate::dashboard::pages::ErrorPage;
use crate::dashboard::paths;
use crate::management::{Fault, Problem};

/// What a handler answers.
pub(super) type Answer = Result<Response, Problem>;

/// A page.
pub(super) fn show(page: &impl Template) -> Answer {
    Ok(Html(render(page)?).into_response())
}

/// A form again, with what is wrong with it.
pub(super) fn again(page: &impl Template) -> Answer {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(render(page)?)).into_response())
}

/// A form again, over what someone else made of its thing meanwhile.
pub(super) fn meanwhile(page: &impl Template) -> Answer {
    Ok((StatusCode::PRECONDITION_FAILED, Html(render(page)?)).into_response())
}

/// On to another page, which is got and not posted to.
pub(super) fn see_other(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()
}

fn render(page: &impl Template) -> Result<String, Problem> {
    page.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be shown");
        Problem::Internal
    })
}

/// Gives every answer its headers, and problems a page. Who is not signed in comes back to what they
/// wanted to see or do.
pub(super) async fn dress(
    State(headers): State<PageHeaders>,
    request: Request,
    next: Next,
) -> Response {
    let is_got = request.method() == Method::GET;
    let back = way_back(&request);
    // What is posted may answer with a secret, whose length must not tell what is in it.
    let is_packed = is_got && gzip::is_taken(request.headers());
    let mut answer = next.run(request).await;
    if let Some(told) = answer.extensions_mut().remove::<Told>() {
        answer = explain(told, answer, &back);
    }
    headers.apply(&mut answer);
    if is_packed {
        return packed(answer).await;
    }
    answer
}

/// The same, smaller on the wire: a page of fifty keys is 90 KB of markup.
async fn packed(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let Ok(plain) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Some(packed) = gzip::pack(&plain, Compression::fast()) else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.remove(CONTENT_LENGTH);
    let coding = HeaderValue::from_static("gzip");
    parts.headers.insert(CONTENT_ENCODING, coding);
    let vary = HeaderValue::from_static("accept-encoding");
    parts.headers.insert(VARY, vary);
    Response::from_parts(parts, Body::from(packed))
}

/// What went wrong, for who sees no more of the problem than the page.
fn words(told: Told) -> String {
    if told.code == "idempotency_key_reused" {
        let text = "This form was sent before, and what it asked for then was made. Open the form anew to make something else.";
        return text.to_owned();
    }
    let say = |fault: &Fault| match fault.field.as_str() {
        "" => sentence(&fault.message),
        field => format!("{field}: {}", sentence(&fault.message)),
    };
    let faults: Vec<_> = told.faults.iter().map(say).collect();
    if faults.is_empty() {
        return told.detail;
    }
    faults.join(" ")
}

/// What the sign-in is told of who was led there: where to they come back and, if a form was sent when
/// its session had ended, that nothing came of it.
fn way_back(request: &Request) -> Vec<(&'static str, String)> {
    let place = match *request.method() {
        Method::GET => Some(request.uri().to_string()),
        _ if request.uri().path() == paths::sign_out() => return Vec::new(),
        _ => page_of_form(request.headers()),
    };
    let next = place.filter(|place| *place != paths::home());
    let next = next.map(|place| ("next", place));
    let lost = (request.method() != Method::GET).then(|| ("lost", "form".to_owned()));
    next.into_iter().chain(lost).collect()
}

/// The page that a form was on, which browsers name to our own site.
fn page_of_form(headers: &HeaderMap) -> Option<String> {
    let page: Uri = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
    page.path_and_query().map(ToString::to_string)
}

fn explain(told: Told, answer: Response, back: &[(&'static str, String)]) -> Response {
    if told.code == "unauthenticated" {
        let back = back.iter().map(|(name, value)| (*name, value.as_str()));
        let mut away = see_other(&query::address(&paths::sign_in(), back));
        for name in ["x-request-id", "request-id"] {
            if let Some(id) = answer.headers().get(name) {
                away.headers_mut().insert(name, id.clone());
            }
        }
        return away;
    }
    let request_id = answer.headers().get("x-request-id");
    let page = ErrorPage {
        status: answer.status().as_u16(),
        request_id: request_id
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        detail: words(told),
        back: paths::home(),
    };
    let Ok(html) = page.render() else {
        return answer;
    };
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let html_type = HeaderValue::from_static("text/html; charset=utf-8");
    parts.headers.insert(CONTENT_TYPE, html_type);
    Response::from_parts(parts, Body::from(html))
}
