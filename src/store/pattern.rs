//! What `LIKE … ESCAPE '\'` looks for.

/// A pattern of everything that contains `text`.
pub(super) fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn what_is_searched_for_is_no_pattern_itself() {
        assert_eq!(contains("50%_a\\"), "%50\\%\\_a\\\\%");
    }
}
