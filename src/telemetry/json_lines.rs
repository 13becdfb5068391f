//! Events as JSON lines: one flat object each, written field by field into one string. Every call writes
//! such a line: through a serialiser it cost several times as much, through the subscriber's writer half
//! as much again.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// See the module.
pub(super) struct JsonLines;

/// A line as far as it is written.
struct Line(String);

/// Writes what is written to it as the inside of a JSON string (RFC 8259 §7).
struct Escaped<'a>(&'a mut String);

/// More than the line of a call has.
const TYPICAL: usize = 768;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Line(String::with_capacity(TYPICAL));
        line.0.push_str("{\"timestamp\":\"");
        SystemTime.format_time(&mut Writer::new(&mut line.0))?;
        line.0.push_str("\",\"level\":\"");
        line.0.push_str(metadata.level().as_str());
        line.0.push('"');
        event.record(&mut line);
        line.0.push_str(",\"target\":\"");
        Escaped(&mut line.0).push_str(metadata.target());
        line.0.push_str("\"}\n");
        writer.write_str(&line.0)
    }
}

impl Line {
    /// Writes `,"name":`. Names are identifiers of the code and need no escaping.
    fn name(&mut self, field: &Field) -> &mut String {
        self.0.push_str(",\"");
        self.0.push_str(field.name());
        self.0.push_str("\":");
        &mut self.0
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = self.name(field);
        text.push('"');
        // Writing to memory does not fail, and a value that cannot tell itself is cut.
        let _ = write!(Escaped(text), "{value:?}");
        text.push('"');
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = self.name(field);
        text.push('"');
        Escaped(text).push_str(value);
        text.push('"');
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        let number = self.name(field);
        number.push_str(itoa::Buffer::new().format(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let number = self.name(field);
        number.push_str(itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        let word = self.name(field);
        word.push_str(if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            let _ = write!(self.name(field), "{value}");
        }
    }
}

impl Escaped<'_> {
    fn push_str(&mut self, text: &str) {
        // Looking at all bytes, even where the first decides, takes many at once.
        if text
            .bytes()
            .fold(true, |plain, byte| plain & !is_special(byte))
        {
            self.0.push_str(text);
        } else {
            self.push_escaped(text);
        }
    }

    fn push_escaped(&mut self, mut text: &str) {
        while let Some(at) = text.bytes().position(is_special) {
            let (plain, rest) = text.split_at_checked(at).unwrap_or((text, ""));
            self.0.push_str(plain);
            let mut rest = rest.chars();
            match rest.next() {
                Some('\n') => self.0.push_str("\\n"),
                Some(quoted @ ('"' | '\\')) => self.0.extend(['\\', quoted]),
                Some(control) => _ = write!(self.0, "\\u{:04x}", u32::from(control)),
                None => {}
            }
            text = rest.as_str();
        }
        self.0.push_str(text);
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut line = String::new();
        Escaped(&mut line).push_str(text);
        line
    }

    #[test]
    fn text_comes_back_as_it_was() {
        for text in [
            "",
            "plain ä",
            "\"quoted\" \\ back",
            "two\nlines\t\u{1}\u{7f}",
            "\"",
            "\\",
        ] {
            let json = format!("\"{}\"", escaped(text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn a_line_is_one_flat_object() {
        let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let writer = std::sync::Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .event_format(JsonLines)
            .with_writer(move || Shared(std::sync::Arc::clone(&writer)))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(call.id = "a\"b", tokens = 3_u64, left = -1, absent = None::<u64>, ok = true, error = ?"e", "said");
        });
        let line = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(line.ends_with("}\n") && line.lines().count() == 1);
        assert_eq!(object["level"], "INFO");
        assert_eq!(object["message"], "said");
        assert_eq!(object["call.id"], "a\"b");
        assert_eq!(
            (&object["tokens"], &object["left"], &object["ok"]),
            (&3.into(), &(-1).into(), &true.into())
        );
        assert_eq!(object["error"], "\"e\"");
        assert_eq!(object["target"], module_path!());
        assert!(object.get("absent").is_none());
    }

    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
