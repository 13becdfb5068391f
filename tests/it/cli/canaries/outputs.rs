//! Everything that came out, and the search for what must not be in it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::client::Reply;

/// Everything that was said, by where.
#[derive(Default)]
pub(super) struct Outputs(Vec<(String, Vec<u8>)>);

impl Outputs {
    pub(super) fn add(&mut self, place: impl Into<String>, said: impl Into<Vec<u8>>) {
        self.0.push((place.into(), said.into()));
    }

    pub(super) fn reply(&mut self, place: &str, reply: &Reply) {
        let head = format!("{:?}\n", reply.headers);
        self.add(place, [head.as_bytes(), &reply.body].concat());
    }

    pub(super) fn files(&mut self, directory: &Path) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.files(&path);
            } else {
                self.add(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }

    /// Where `secret` stands, in any form that text is written in.
    pub(super) fn holding(&self, secret: &str) -> Vec<&str> {
        let forms = forms(secret);
        let holds = |said: &[u8]| {
            let mut forms = forms.iter();
            forms.any(|form| memchr::memmem::find(said, form.as_bytes()).is_some())
        };
        let places = self.0.iter().filter(|(_, said)| holds(said));
        places.map(|(place, _)| place.as_str()).collect()
    }
}

/// A secret's middle, which no display form shows: plain, in hexadecimal, in base64 at each offset.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let shown = |secret: &str| secret.starts_with("sk-") || secret.starts_with("mk-");
    let middle = if shown(secret) {
        &secret[7..secret.len() - 4]
    } else {
        secret
    };
    let mut forms = vec![middle.to_owned()];
    let digits = middle.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    forms.push(
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect(),
    );
    for shift in 0..3 {
        let coded = STANDARD.encode(&middle.as_bytes()[shift..]);
        let coded = coded.trim_end_matches('=');
        forms.push(coded[..coded.len() - 2].to_owned());
    }
    forms
}
