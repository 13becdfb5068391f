//! Words of a line that is pasted into a shell.

/// `text` as one word.
pub(super) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        for plain in ["./data/dev", "/srv/a-b_c", "C:"] {
            assert_eq!(word(plain), plain);
        }
        assert_eq!(word("my data"), "'my data'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word("$HOME;x"), "'$HOME;x'");
        assert_eq!(word(""), "''");
    }
}
