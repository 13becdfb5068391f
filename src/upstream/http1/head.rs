//! Heads of requests as they are written, and of answers as they are read.

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::{Method, Response, StatusCode, Version};
use httparse::Status;
use smallvec::SmallVec;

use super::framing::Framing;
use crate::upstream::{Broken, Outgoing};

/// The largest head of an answer.
const LARGEST: usize = 32 * 1024;
/// The most fields of one.
const MOST_FIELDS: usize = 100;
/// What the gateway adds to an answer's head: with room for it, the map does not grow.
const ADDED: usize = 12;

/// An answer without its body.
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) framing: Framing,
    /// Whether the provider keeps the connection.
    pub(super) is_kept: bool,
}

/// Where a field stands: its name and its value.
type Field = (Range<usize>, Range<usize>);

/// The head of `request` to `host`. Its framing is ours to say (RFC 9112 §6.2).
pub(super) fn of_request(request: &Outgoing, host: &HeaderValue) -> Bytes {
    let target = request.uri().path_and_query();
    let target = target.map_or("/", http::uri::PathAndQuery::as_str);
    let mut head = BytesMut::with_capacity(1024);
    head.put_slice(request.method().as_str().as_bytes());
    head.put_slice(b" ");
    head.put_slice(target.as_bytes());
    head.put_slice(b" HTTP/1.1\r\n");
    put(&mut head, &HOST, host.as_bytes());
    let framing = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    for (name, value) in request.headers() {
        if !framing.contains(name) {
            put(&mut head, name, value.as_bytes());
        }
    }
    let length = request.body().len();
    if length > 0 || request.method() != Method::GET {
        let mut digits = itoa::Buffer::new();
        put(&mut head, &CONTENT_LENGTH, digits.format(length).as_bytes());
    }
    head.put_slice(b"\r\n");
    head.freeze()
}

fn put(head: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    head.put_slice(name.as_str().as_bytes());
    head.put_slice(b": ");
    head.put_slice(value);
    head.put_slice(b"\r\n");
}

/// Takes the head of the answer from `read` once it is there. Interim answers before it are skipped.
pub(super) fn of_answer(read: &mut BytesMut) -> Result<Option<Head>, Broken> {
    while let Some(head) = next(read)? {
        match head.response.status() {
            StatusCode::SWITCHING_PROTOCOLS => return Err(Broken::Senseless("its status")),
            status if status.is_informational() => {}
            _ => return Ok(Some(head)),
        }
    }
    Ok(None)
}

fn next(read: &mut BytesMut) -> Result<Option<Head>, Broken> {
    if read.is_empty() {
        return Ok(None);
    }
    let mut room = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        read,
        &mut room,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) if length <= LARGEST => length,
        Ok(Status::Partial) if read.len() <= LARGEST => return Ok(None),
        Ok(_) => return Err(Broken::Senseless("the size of its head")),
        Err(_) => return Err(Broken::Senseless("its head")),
    };
    let status = StatusCode::from_u16(answer.code.unwrap_or_default());
    let status = status.map_err(|_| Broken::Senseless("its status"))?;
    let version = match answer.version {
        Some(1) => Version::HTTP_11,
        _ => Version::HTTP_10,
    };
    let base = read.as_ptr().addr();
    let within = |part: &[u8]| {
        let start = part.as_ptr().addr() - base;
        start..start + part.len()
    };
    let fields = answer.headers.iter();
    let fields: SmallVec<[Field; 24]> = fields
        .map(|field| (within(field.name.as_bytes()), within(field.value)))
        .collect();
    let headers = headers(&read.split_to(length).freeze(), &fields)?;
    let framing = Framing::of(status, version, &headers)?;
    // An answer with two lengths may be two answers to somebody else (RFC 9112 §6.3).
    let is_doubtful =
        headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH);
    let is_kept = framing != Framing::Close && !is_doubtful && keeps_alive(version, &headers);
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = version;
    *response.headers_mut() = headers;
    Ok(Some(Head {
        response,
        framing,
        is_kept,
    }))
}

fn headers(head: &Bytes, fields: &[Field]) -> Result<HeaderMap, Broken> {
    let mut headers = HeaderMap::with_capacity(fields.len() + ADDED);
    for (name, value) in fields {
        let name = head.get(name.clone()).unwrap_or_default();
        let name = HeaderName::from_bytes(name).map_err(|_| Broken::Senseless("a field"))?;
        let value = HeaderValue::from_maybe_shared(head.slice(value.clone()));
        headers.append(name, value.map_err(|_| Broken::Senseless("a field"))?);
    }
    Ok(headers)
}

/// RFC 9112 §9.3.
fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |option: &str| {
        let values = headers.get_all(CONNECTION).iter();
        let mut options = values.flat_map(|value| value.to_str().unwrap_or("close").split(','));
        options.any(|one| one.trim().eq_ignore_ascii_case(option))
    };
    !says("close") && (version == Version::HTTP_11 || says("keep-alive"))
}

#[cfg(test)]
mod tests;
