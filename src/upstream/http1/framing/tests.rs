use proptest::prelude::*;

use super::*;

/// What is taken of `wire`, which comes in pieces that end at `cuts`, and what is left behind its end.
fn taken(wire: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Vec<u8>, Framing), Broken> {
    let mut framing = Framing::Chunked(Chunk::Size);
    let (mut read, mut content) = (BytesMut::new(), Vec::new());
    let mut from = 0;
    for to in cuts.iter().copied().chain([wire.len()]) {
        let to = to.clamp(from, wire.len());
        read.extend_from_slice(&wire[from..to]);
        content.extend_from_slice(&framing.take(&mut read)?);
        from = to;
    }
    Ok((content, read.to_vec(), framing))
}

fn chunked(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in chunks {
        wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

proptest! {
    #[test]
    fn chunks_have_the_same_content_however_they_come(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12),
        mut cuts in prop::collection::vec(0_usize..600, 0..12),
        behind in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        cuts.sort_unstable();
        let mut wire = chunked(&chunks);
        wire.extend_from_slice(&behind);
        let (content, rest, framing) = taken(&wire, &cuts).unwrap();
        prop_assert_eq!(content, chunks.concat());
        prop_assert_eq!(rest, behind);
        prop_assert!(framing.is_over());
    }

    #[test]
    fn no_bytes_make_it_panic(wire in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
        let _ = taken(&wire, &[cut]);
    }
}

#[test]
fn chunks_that_came_together_are_one_piece() {
    let mut read = BytesMut::from(&b"3\r\nabc\r\n2\r\nde\r\n4\r\nf"[..]);
    let mut framing = Framing::Chunked(Chunk::Size);
    assert_eq!(framing.take(&mut read).unwrap(), "abcdef");
    assert_eq!(framing.length(), None);
    read.extend_from_slice(b"ghi\r\n0\r\n\r\n");
    assert_eq!(framing.take(&mut read).unwrap(), "ghi");
    assert_eq!((framing.length(), framing.is_over()), (Some(0), true));
}

#[test]
fn extensions_and_trailers_are_passed_over() {
    let wire = b"3;name=\"v\"\r\nabc\r\n0;x\r\nDigest: y\r\nX: z\r\n\r\nrest";
    let (content, rest, framing) = taken(wire, &[]).unwrap();
    assert_eq!(
        (content.as_slice(), rest.as_slice()),
        (&b"abc"[..], &b"rest"[..])
    );
    assert!(framing.is_over());
}

#[test]
fn what_is_no_chunk_is_refused() {
    for wire in [
        "\r\nabc",
        "x\r\n",
        "-1\r\n",
        "+1\r\na",
        " 1\r\na",
        "0x1\r\na",
        "1 1\r\na",
        "1\na\n",
        "2\r\nabc\r\n",
        "2\r\nab\n0\r\n\r\n",
        "11111111111111111\r\n",
    ] {
        let cut = taken(wire.as_bytes(), &[]);
        assert!(matches!(cut, Err(Broken::Senseless(_))), "{wire:?}");
    }
}

#[test]
fn lines_without_an_end_are_refused() {
    let long = "x".repeat(LONGEST_LINE + 1);
    let many = "x: y\r\n".repeat(MOST_TRAILERS / 6 + 1);
    for wire in [
        format!("1;{long}"),
        format!("0\r\n{long}"),
        format!("0\r\n{many}"),
    ] {
        assert!(taken(wire.as_bytes(), &[]).is_err(), "{}", &wire[..8]);
    }
}

fn framed(status: u16, version: Version, fields: &[(&'static str, &str)]) -> Option<Framing> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    Framing::of(StatusCode::from_u16(status).unwrap(), version, &headers).ok()
}

#[test]
fn a_head_says_where_its_body_ends() {
    let chunks = Some(Framing::Chunked(Chunk::Size));
    let of = |fields: &[_]| framed(200, Version::HTTP_11, fields);
    assert_eq!(of(&[]), Some(Framing::Close));
    assert_eq!(of(&[("content-length", "7")]), Some(Framing::Length(7)));
    assert_eq!(
        of(&[("content-length", "7, 7"), ("content-length", "7")]),
        Some(Framing::Length(7))
    );
    assert_eq!(of(&[("transfer-encoding", "Chunked")]), chunks);
    assert_eq!(
        of(&[("transfer-encoding", "chunked"), ("content-length", "7")]),
        chunks
    );
    let bare = [("content-length", "7")];
    assert_eq!(framed(204, Version::HTTP_11, &bare), Some(Framing::NONE));
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_refused() {
    let of = |fields: &[_]| framed(200, Version::HTTP_11, fields);
    for length in ["", "+7", "-7", "7x", "7, 8", "0x7", "18446744073709551616"] {
        assert_eq!(of(&[("content-length", length)]), None, "{length}");
    }
    assert_eq!(
        of(&[("content-length", "7"), ("content-length", "8")]),
        None
    );
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", ""] {
        assert_eq!(of(&[("transfer-encoding", coding)]), None, "{coding}");
    }
    let twice = [
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(of(&twice), None);
    assert_eq!(framed(200, Version::HTTP_10, &twice[..1]), None);
}
