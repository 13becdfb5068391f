//! E-mail addresses: what people sign in with. Case is no difference between people.

/// The longest address (RFC 5321, 4.5.3.1.3).
const LONGEST: usize = 254;

/// `text` as an e-mail address is kept, in lower case; `None` if it is none. Whether it can be reached
/// is nobody's business here.
pub fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let is_word = |part: &str| {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "@<>,;\"\\".contains(c);
        !part.is_empty() && !part.contains(is_odd)
    };
    let is_whole = text.len() <= LONGEST && is_word(local) && is_word(domain);
    is_whole.then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_has_two_sides_and_no_case() {
        assert_eq!(
            parse(" Ann@Example.COM "),
            Some("ann@example.com".to_owned())
        );
        assert_eq!(parse("a@localhost"), Some("a@localhost".to_owned()));
        let long = format!("{}@example.com", "a".repeat(250));
        for none in [
            "", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\0", "a\n@b", "A <a@b>", &long,
        ] {
            assert_eq!(parse(none), None, "{none:?}");
        }
    }
}
