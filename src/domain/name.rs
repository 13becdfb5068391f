//! Names of keys, projects, organisations, tokens and people. They are shown in tables and logs and are
//! typed before what cannot be undone: they are short, stay on their line, and have nothing in them that
//! is not seen.

/// The longest name of anything, in characters.
const LONGEST: usize = 100;

/// What names are, to be told to those who send something else.
pub const RULE: &str = "1 to 100 characters that are seen, none of them control";

/// `name` as it is kept, without white space around it and with one space for any within; none where
/// it breaks the [`RULE`].
pub fn kept(name: &str) -> Option<String> {
    let name = name.trim();
    let is_odd = |c: char| c.is_control() || is_hidden(c);
    let is_seen = |c: char| !c.is_whitespace() && !is_joiner(c);
    let kept = spaced(name);
    let fits = kept.chars().count() <= LONGEST;
    (fits && name.chars().any(is_seen) && !name.chars().any(is_odd)).then_some(kept)
}

/// `name` as it is read and typed, also one from before the [`RULE`]; nothing if nothing of it is seen.
pub fn plain(name: &str) -> String {
    let seen: String = name.chars().filter(|c| !is_hidden(*c)).collect();
    spaced(&seen)
}

fn spaced(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ")
}

/// Whether it draws nothing, or turns the text around it: what Unicode calls ignorable by default, and
/// the one symbol that is blank. No script needs these in a name.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// Whether it is not seen by itself, but says how its neighbours are drawn: Persian words, Mongolian
/// and families of emoji have such.
fn is_joiner(c: char) -> bool {
    matches!(c,
        '\u{180b}'..='\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_and_stay_on_their_line() {
        let longest = "ä".repeat(LONGEST);
        for (sent, name) in [
            ("Production", "Production"),
            ("  a  b\u{a0}\u{3000}c ", "a b c"),
            (&longest, &longest),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
        ] {
            assert_eq!(kept(sent).as_deref(), Some(name), "{sent:?}");
        }
        let too_long = "a".repeat(LONGEST + 1);
        for odd in [
            "",
            " \u{a0} ",
            &too_long,
            "a\nb",
            "a\tb",
            "a\u{7f}",
            "\u{200b}",
            "a\u{200b}b",
            "\u{202e}a",
            "a\u{2028}b",
            "a\u{2066}b",
            "\u{feff}a",
            "\u{3164}",
            "\u{2800}",
            "a\u{e0061}",
            "\u{200d}",
            "\u{fe0f} \u{200c}",
        ] {
            assert_eq!(kept(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn what_is_typed_is_compared_with_what_is_seen() {
        assert_eq!(plain(" a \t b\u{a0}\u{200b}c\u{202e}"), "a b c");
        assert_eq!(plain("\u{200b}"), "");
        assert_eq!(plain("a b"), "a b");
    }
}
