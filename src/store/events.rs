//! What happened, one row a call, and the counters that follow from it. Booking is idempotent: an
//! event that is there already changes nothing, so a journal may be replayed any number of times.

use std::collections::HashSet;

use uuid::Uuid;

use super::batch::{self, Listing};
use super::leases::{self, Return};
use super::rollups::{self, ModelNames};
use super::transaction::{Tx, retried};
use super::{Db, StoreError};
use crate::domain::tenant::{CallId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::killpoint::{self, Killpoint};

mod event;
mod kinds;
mod last;
mod previous;

pub use event::{BudgetDraw, Event};
pub use last::was_booked;

use kinds::{Found, Kinds};
use last::Last;

macro_rules! into_events {
    ($rest:literal) => {
        Listing::insert(
            "INSERT INTO events (organisation_id, at, id, kind_id, input_tokens, output_tokens,
                total_tokens, cached_tokens, reasoning_tokens, cost_nano, held_tokens, duration_ms,
                first_token_ms)",
            13,
            concat!(" ON CONFLICT (organisation_id, at, id) DO NOTHING", $rest),
        )
    };
}

static INSERT: Listing = into_events!("");
static INSERT_AND_TELL: Listing = into_events!(" RETURNING id");

pub(super) const STATEMENTS: &[&str] = &[last::FIND];

/// The columns of a row, for either engine.
macro_rules! bind {
    ($insert:expr, $event:expr, $kind:expr) => {{
        let (insert, event) = (&mut $insert, $event);
        insert.bind(event.organisation_id).bind(event.at);
        insert.bind(event.id).bind($kind);
        insert.bind(event.input_tokens).bind(event.output_tokens);
        insert.bind(event.total_tokens).bind(event.cached_tokens);
        insert.bind(event.reasoning_tokens).bind(event.cost_nano);
        insert.bind(event.held_tokens).bind(event.duration_ms);
        insert.bind(event.first_token_ms);
    }};
}

/// Books for one process, which should keep it: it remembers what every booking has to know.
#[derive(Debug)]
pub struct Booker {
    db: Db,
    kinds: Kinds,
    names: ModelNames,
    last: Last,
}

/// What one transaction books.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch<'a> {
    /// Calls that ended.
    pub events: &'a [Event<'a>],
    /// Room that its owner gives back, after the events that spent from the same leases.
    pub returns: &'a [Return],
    /// What running calls hold of leases that the events spent from.
    pub held: &'a [(Uuid, i64)],
}

impl<'a> Batch<'a> {
    /// Calls alone.
    pub fn of(events: &'a [Event<'a>]) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }
}

impl Booker {
    /// Books in `db`.
    pub fn new(db: Db) -> Self {
        Self {
            db,
            kinds: Kinds::default(),
            names: ModelNames::default(),
            last: Last::default(),
        }
    }

    /// Books `batch` and answers how many of its events were new. One transaction. Once it failed with
    /// [`StoreError::SetBack`], it does so until it is told to [begin anew](Self::begin_anew).
    pub async fn book(&self, batch: Batch<'_>) -> Result<usize, StoreError> {
        let mut rows: Vec<&Event<'_>> = batch.events.iter().collect();
        rows.sort_unstable_by_key(|event| event.row());
        rows.dedup_by_key(|event| event.row());
        if rows.is_empty() && batch.returns.is_empty() {
            return Ok(0);
        }
        let booked = retried(|| self.book_rows(&rows, batch)).await;
        if booked.is_err() {
            // Whatever answers next may be another server.
            self.kinds.forget();
        }
        booked
    }

    /// An earlier process booked this call, and the database has it.
    pub fn begin_with(&self, organisation: OrganisationId, at: Timestamp, id: CallId) {
        self.last.begin_with((organisation, at, id));
    }

    /// [`StoreError::SetBack`] if the database lacks what this booked last.
    pub async fn look(&self) -> Result<(), StoreError> {
        if let Db::Sqlite(_) = self.db {
            return Ok(());
        }
        self.last.prove(&mut self.db.begin().await?).await
    }

    /// Books in a database that was set back.
    pub fn begin_anew(&self) {
        self.kinds.forget();
        self.last.forget();
    }

    /// `rows` are in the database, and so are their `kinds`.
    fn remember(&self, rows: &[&Event<'_>], kinds: Found) {
        if let Some(last) = rows.last() {
            self.last.remember(last.row());
        }
        self.kinds.remember(kinds);
    }

    /// All events are new unless a booking is repeated: having their ids sent back one by one would
    /// cost several times what writing them does.
    async fn book_rows(&self, rows: &[&Event<'_>], batch: Batch<'_>) -> Result<usize, StoreError> {
        if self.book_all(rows, batch).await? {
            return Ok(rows.len());
        }
        self.book_new(rows, batch).await
    }

    /// Books `rows` if all of them are new.
    async fn book_all(&self, rows: &[&Event<'_>], batch: Batch<'_>) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        self.last.prove(&mut tx).await?;
        let kinds = self.kinds.find(&mut tx, rows).await?;
        let numbered: Vec<_> = rows.iter().copied().zip(kinds.numbers()).collect();
        let inserted = write_rows!(&mut tx, INSERT, &numbered, |insert, (event, kind)| {
            bind!(insert, event, *kind);
        });
        let are_new = usize::try_from(inserted) == Ok(rows.len());
        if are_new {
            self.count(&mut tx, rows, batch).await?;
            killpoint::reach(Killpoint::Booking);
            tx.commit().await?;
            self.remember(rows, kinds);
        }
        Ok(are_new)
    }

    /// Books those of `rows` that are new.
    async fn book_new(&self, rows: &[&Event<'_>], batch: Batch<'_>) -> Result<usize, StoreError> {
        let mut tx = self.db.begin().await?;
        self.last.prove(&mut tx).await?;
        let kinds = self.kinds.find(&mut tx, rows).await?;
        let numbered: Vec<_> = rows.iter().copied().zip(kinds.numbers()).collect();
        let mut inserted = HashSet::with_capacity(rows.len());
        for rows in batch::chunks(&tx, &numbered) {
            let ids: Vec<(CallId,)> = with_tx!(&mut tx, |c| {
                let mut insert = INSERT_AND_TELL.on(c, rows.len());
                for (event, kind) in rows {
                    bind!(insert, event, *kind);
                }
                insert.query_as()?.fetch_all(c).await
            })?;
            inserted.extend(ids.into_iter().map(|(id,)| id));
        }
        let new: Vec<&Event<'_>> = rows
            .iter()
            .filter(|event| inserted.contains(&event.id))
            .copied()
            .collect();
        self.count(&mut tx, &new, batch).await?;
        killpoint::reach(Killpoint::Booking);
        tx.commit().await?;
        self.remember(rows, kinds);
        Ok(new.len())
    }

    /// Adds `rows`, which are new, to everything that counts.
    async fn count(
        &self,
        tx: &mut Tx,
        rows: &[&Event<'_>],
        batch: Batch<'_>,
    ) -> Result<(), StoreError> {
        leases::spend(tx, rows, batch).await?;
        rollups::add(tx, rows, &self.names).await?;
        previous::count(tx, rows).await
    }
}

/// Books `batch` once, remembering nothing; see [`Booker::book`].
pub async fn book(db: &Db, batch: Batch<'_>) -> Result<usize, StoreError> {
    Booker::new(db.clone()).book(batch).await
}
