//! Events as JSON lines: one flat object each, written field by field into the subscriber's buffer.
//! Every call writes such a line, and going through a serialiser cost three times as much.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// See the module.
pub(super) struct JsonLines;

/// Writes `,"name":value` for each field.
struct Fields<'a, 'w> {
    line: &'a mut Writer<'w>,
    result: fmt::Result,
}

/// Writes what is written to it as the inside of a JSON string (RFC 8259 §7).
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        line.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut line)?;
        line.write_str("\",\"level\":\"")?;
        line.write_str(metadata.level().as_str())?;
        line.write_char('"')?;
        let mut fields = Fields {
            line: &mut line,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        line.write_str(",\"target\":\"")?;
        Escaped(&mut line).write_str(metadata.target())?;
        line.write_str("\"}\n")
    }
}

impl Fields<'_, '_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self.name(field).and_then(|()| value(self.line));
        }
    }

    /// Names are identifiers of the code and need no escaping.
    fn name(&mut self, field: &Field) -> fmt::Result {
        self.line.write_str(",\"")?;
        self.line.write_str(field.name())?;
        self.line.write_str("\":")
    }

    fn write_text(&mut self, field: &Field, text: impl FnOnce(Escaped<'_, '_>) -> fmt::Result) {
        self.write(field, |line| {
            line.write_char('"')?;
            text(Escaped(line))?;
            line.write_char('"')
        });
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write_text(field, |mut text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write_text(field, |mut text| text.write_str(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |line| {
            line.write_str(itoa::Buffer::new().format(value))
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |line| {
            line.write_str(itoa::Buffer::new().format(value))
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |line| {
            line.write_str(if value { "true" } else { "false" })
        });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.write(field, |line| write!(line, "{value}"));
        }
    }
}

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        while let Some(at) = text.bytes().position(is_special) {
            let (plain, rest) = text.split_at_checked(at).unwrap_or((text, ""));
            self.0.write_str(plain)?;
            let mut rest = rest.chars();
            match rest.next() {
                Some('\n') => self.0.write_str("\\n")?,
                Some(quoted @ ('"' | '\\')) => write!(self.0, "\\{quoted}")?,
                Some(control) => write!(self.0, "\\u{:04x}", u32::from(control))?,
                None => {}
            }
            text = rest.as_str();
        }
        self.0.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut line = String::new();
        Escaped(&mut Writer::new(&mut line))
            .write_str(text)
            .unwrap();
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
