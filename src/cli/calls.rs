//! `tollgate calls`: every call of an organisation, newest first, printed as it is read.

use std::io::{BufWriter, StdoutLock, Write, stdout};

use clap::Args;
use uuid::Uuid;

use super::key::key_id;
use super::moment::{Moment, check_range};
use super::print::padded;
use super::session::Session;
use crate::csv::{cells, write_csv};
use crate::domain::tenant::KeyId;
use crate::management::calls::{COLUMNS, CallView};
use crate::store::usage::{CallsQuery, for_each_call};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The organisation's name or id
    #[arg(long, value_name = "ORG")]
    org: String,
    /// Only the calls of the key with this id
    #[arg(long, value_name = "ID", value_parser = key_id)]
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
        check_range(self.from, self.to)?;
        let organisation = session.organisation(&self.org).await?;
        let query = CallsQuery {
            key: self.key.map(KeyId),
            from: self.from.map(|moment| moment.0),
            to: self.to.map(|moment| moment.0),
            ..CallsQuery::default()
        };
        let mut stream = Stream::new(match (self.csv, session.printer.is_json()) {
            (true, _) => Format::Csv,
            (_, true) => Format::Json,
            _ => Format::Text,
        });
        let mut written = stream.begin();
        for_each_call(&session.db, organisation.id, query, |row| {
            if written.is_ok() {
                written = stream.write(&CallView::from(row));
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

    fn write(&mut self, call: &CallView) -> anyhow::Result<()> {
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
