use http::Request;

use super::*;

fn read(head: &str) -> Result<Option<Head>, Broken> {
    of_answer(&mut BytesMut::from(head))
}

#[test]
fn a_request_says_its_target_host_and_length_itself() {
    let request = Request::post("http://user@provider/v1/x?y=1")
        .header("content-length", "99")
        .header("transfer-encoding", "chunked")
        .header("host", "elsewhere")
        .header("connection", "close")
        .header("x-twice", "a")
        .header("x-twice", "b")
        .body(Bytes::from_static(b"body"))
        .unwrap();
    let head = of_request(&request, &HeaderValue::from_static("provider"));
    let expected = "POST /v1/x?y=1 HTTP/1.1\r\nhost: provider\r\nx-twice: a\r\nx-twice: b\r\ncontent-length: 4\r\n\r\n";
    assert_eq!(head, expected);
}

#[test]
fn a_get_without_a_body_names_no_length() {
    let request = Request::get("http://provider").body(Bytes::new()).unwrap();
    let head = of_request(&request, &HeaderValue::from_static("provider"));
    assert_eq!(head, "GET / HTTP/1.1\r\nhost: provider\r\n\r\n");
}

#[test]
fn an_answer_is_read_once_its_head_is_there() {
    let whole = "HTTP/1.1 418 I'm a teapot\r\nX-A: b\r\nX-Empty:\r\nX-Blank:  \r\nContent-Length: 2\r\n\r\nhi";
    let head_ends = whole.len() - 2;
    for end in 0..head_ends {
        assert!(read(&whole[..end]).unwrap().is_none(), "{end}");
    }
    let mut bytes = BytesMut::from(whole);
    let head = of_answer(&mut bytes).unwrap().unwrap();
    assert_eq!(head.response.status(), 418);
    let headers = head.response.headers();
    assert_eq!(
        ["x-a", "x-empty", "x-blank"].map(|name| &headers[name]),
        ["b", "", ""]
    );
    assert_eq!((head.framing, head.is_kept), (Framing::Length(2), true));
    assert_eq!(bytes, "hi");
}

#[test]
fn interim_answers_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
    assert!(read(interim).unwrap().is_none());
    let head = read(&format!("{interim}HTTP/1.1 204 No Content\r\n\r\n"));
    assert_eq!(head.unwrap().unwrap().response.status(), 204);
    assert!(read("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n").is_err());
}

#[test]
fn a_connection_is_kept_as_its_answer_says() {
    let kept = |start: &str, fields: &str| {
        let head = read(&format!("{start} 200 OK\r\n{fields}\r\n")).unwrap();
        head.unwrap().is_kept
    };
    let length = "content-length: 0\r\n";
    let with = |more: &str| format!("{length}{more}");
    assert!(kept("HTTP/1.1", length));
    assert!(!kept("HTTP/1.1", &with("connection: Close\r\n")));
    assert!(!kept(
        "HTTP/1.1",
        &with("connection: keep-alive, close\r\n")
    ));
    assert!(!kept(
        "HTTP/1.1",
        &with("connection: keep-alive\r\nconnection: close\r\n")
    ));
    assert!(!kept("HTTP/1.1", ""));
    assert!(!kept("HTTP/1.1", &with("transfer-encoding: chunked\r\n")));
    assert!(!kept("HTTP/1.0", length));
    assert!(kept("HTTP/1.0", &with("connection: keep-alive\r\n")));
}

#[test]
fn what_is_no_head_is_refused() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(LARGEST));
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "x: y\r\n".repeat(MOST_FIELDS + 1)
    );
    for head in [
        "hello\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nspace : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: \u{1}\r\n\r\n",
        &large,
        &many,
    ] {
        let start: String = head.chars().take(40).collect();
        assert!(matches!(read(head), Err(Broken::Senseless(_))), "{start:?}");
    }
}
