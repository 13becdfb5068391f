//! `tollgate calls`: every call of an organisation, newest first, printed as it is read.

use std::io::{BufWriter, StdoutLock, Write, stdout};

use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::moment::Moment;
use super::print::{cells, padded, write_csv};
use super::session::Session;
use crate::domain::price::format_usd;
use crate::domain::tenant::{CallId, KeyId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;
use crate::store::usage::{CallRow, CallsQuery, for_each_call};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The organisation's name or id
    #[arg(long, value_name = "ORG")]
    org: String,
    /// Only the calls of the key with this id
    #[arg(long, value_name = "ID")]
    key: Option<Uuid>,
    /// From this day or time (UTC)
    #[arg(long, value_name = "WHEN")]
    from: Option<Moment>,
    /// Until this day or time (UTC), which is left out
    #[arg(long, value_name = "WHEN")]
    to: Option<Moment>,
    /// Print CSV, whatever --output says
    #[arg(long)]
    csv: bool,
}

/// A call as it is printed.
#[derive(Serialize)]
struct View {
    id: CallId,
    at: Timestamp,
    key_id: KeyId,
    model: String,
    provider: String,
    status: u16,
    source: Source,
    input_tokens: i64,
    output_tokens: i64,
    total_tokens: i64,
    cost_usd: String,
    duration_ms: i64,
    first_token_ms: Option<i64>,
}

const COLUMNS: [&str; 13] = [
    "id",
    "at",
    "key_id",
    "model",
    "provider",
    "status",
    "source",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "duration_ms",
    "first_token_ms",
];

/// Lines are printed before all are known, so that their widths are fixed.
const WIDTHS: [usize; 13] = [36, 27, 36, 16, 10, 6, 11, 12, 13, 12, 12, 11, 14];

/// How calls are written.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
    Text,
}

/// Writes calls one by one, in front of what comes first and behind what comes last.
struct Stream {
    format: Format,
    out: BufWriter<StdoutLock<'static>>,
    is_first: bool,
}

impl Arguments {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        let organisation = session.organisation(&self.org).await?;
        let query = CallsQuery {
            key: self.key.map(KeyId),
            from: self.from.map(|moment| moment.0),
            to: self.to.map(|moment| moment.0),
        };
        let mut stream = Stream::new(match (self.csv, session.printer.is_json()) {
            (true, _) => Format::Csv,
            (_, true) => Format::Json,
            _ => Format::Text,
        });
        let mut written = stream.begin();
        for_each_call(&session.db, organisation.id, query, |row| {
            if written.is_ok() {
                written = stream.write(&View::from(row));
            }
        })
        .await?;
        written?;
        stream.end()
    }
}

impl Stream {
    fn new(format: Format) -> Self {
        Self {
            format,
            out: BufWriter::new(stdout().lock()),
            is_first: true,
        }
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        match self.format {
            Format::Csv => write_csv(&mut self.out, &COLUMNS)?,
            Format::Json => write!(self.out, "{{\"data\":[")?,
            Format::Text => self.write_padded(&COLUMNS.map(str::to_uppercase))?,
        }
        Ok(())
    }

    fn write(&mut self, call: &View) -> anyhow::Result<()> {
        match self.format {
            Format::Csv => write_csv(&mut self.out, &cells(call, &COLUMNS)?)?,
            Format::Text => self.write_padded(&cells(call, &COLUMNS)?)?,
            Format::Json => {
                let separator = if self.is_first { "" } else { "," };
                write!(self.out, "{separator}{}", serde_json::to_string(call)?)?;
            }
        }
        self.is_first = false;
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<()> {
        if matches!(self.format, Format::Json) {
            writeln!(self.out, "]}}")?;
        }
        Ok(self.out.flush()?)
    }

    fn write_padded(&mut self, line: &[String]) -> std::io::Result<()> {
        self.out.write_all(padded(line, &WIDTHS).as_bytes())
    }
}

impl From<CallRow> for View {
    fn from(row: CallRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            key_id: row.key_id,
            model: row.model,
            provider: row.provider,
            status: row.status,
            source: row.source,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            total_tokens: row.total_tokens,
            cost_usd: format_usd(row.cost_nano),
            duration_ms: row.duration_ms,
            first_token_ms: row.first_token_ms,
        }
    }
}
