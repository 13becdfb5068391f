//! Writing many rows in few statements. Their sizes are fixed and their texts written once, so that
//! the engines keep few of them prepared; what clients chose is cut to what every column takes.

use std::borrow::Cow;
use std::fmt::Write;
use std::iter::repeat_n;
use std::sync::{Arc, OnceLock};

use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::SqliteRow;
use sqlx::{
    Arguments, AssertSqlSafe, Connection, Database, Encode, FromRow, IntoArguments, Postgres,
    SqlSafeStr, SqlStr, Sqlite, Type,
};

use super::StoreError;
use super::transaction::Tx;

/// Both engines take 16 values a row in the largest size.
const SIZES: [usize; 4] = [1024, 128, 16, 1];
const LONGEST_TEXT: usize = 256;

/// A statement with a list of rows in it.
pub(super) struct Listing {
    before: &'static str,
    columns: usize,
    after: &'static str,
    /// After all, where rows are locked by reading them.
    lock: &'static str,
    texts: [[OnceLock<Arc<str>>; SIZES.len()]; 2],
}

/// How an engine writes what differs between the two.
pub(super) trait Engine: Database<Arguments: IntoArguments<Self>> {
    const IS_POSTGRES: bool;
}

/// A [`Listing`] with the values of its rows.
pub(super) struct Filled<DB: Database> {
    text: SqlStr,
    values: Result<DB::Arguments, BoxDynError>,
}

impl Engine for Postgres {
    const IS_POSTGRES: bool = true;
}

impl Engine for Sqlite {
    const IS_POSTGRES: bool = false;
}

impl Listing {
    /// Rows of `columns` values between two pieces of SQL.
    pub(super) const fn new(before: &'static str, columns: usize, after: &'static str) -> Self {
        Self::of(before, columns, after, "")
    }

    /// The same for a query whose rows nobody else may write until the transaction ends. `SQLite`
    /// has one writer; Postgres locks in the order that the query sorts by, unlike an update, so
    /// that two transactions never wait for each other.
    pub(super) const fn locking(before: &'static str, after: &'static str) -> Self {
        Self::of(before, 1, after, " FOR UPDATE")
    }

    const fn of(
        before: &'static str,
        columns: usize,
        after: &'static str,
        lock: &'static str,
    ) -> Self {
        Self {
            before,
            columns,
            after,
            lock,
            texts: [const { [const { OnceLock::new() }; SIZES.len()] }; 2],
        }
    }

    /// The statement for as many rows as a chunk has, without their values.
    pub(super) fn on<C>(&self, _connection: &C, rows: usize) -> Filled<C::Database>
    where
        C: Connection<Database: Engine>,
    {
        let mut values = <C::Database as Database>::Arguments::default();
        values.reserve(rows.saturating_mul(self.columns), 0);
        Filled {
            text: AssertSqlSafe(self.text::<C::Database>(rows)).into_sql_str(),
            values: Ok(values),
        }
    }

    fn text<DB: Engine>(&self, rows: usize) -> Arc<str> {
        let texts = self.texts.get(usize::from(DB::IS_POSTGRES));
        let size = SIZES.iter().position(|size| *size == rows);
        match texts.zip(size).and_then(|(texts, size)| texts.get(size)) {
            Some(text) => Arc::clone(text.get_or_init(|| self.write::<DB>(rows).into())),
            None => self.write::<DB>(rows).into(),
        }
    }

    fn write<DB: Engine>(&self, rows: usize) -> String {
        let mut text = self.before.to_owned();
        let mut number = 1..;
        for separator in std::iter::once("").chain(repeat_n(", ", rows.saturating_sub(1))) {
            text.push_str(separator);
            for start in std::iter::once("(").chain(repeat_n(", ", self.columns - 1)) {
                text.push_str(start);
                match number.next().filter(|_| DB::IS_POSTGRES) {
                    Some(number) => _ = write!(text, "${number}"),
                    // A number makes SQLite search the list of all others.
                    None => text.push('?'),
                }
            }
            text.push(')');
        }
        text.push_str(self.after);
        text.push_str(if DB::IS_POSTGRES { self.lock } else { "" });
        text
    }
}

impl<DB: Engine> Filled<DB> {
    /// The next value of the next row.
    pub(super) fn bind<'v, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'v, DB> + Type<DB>,
    {
        let added = self.values.as_mut().map(|values| values.add(value));
        if let Ok(Err(error)) = added {
            self.values = Err(error);
        }
        self
    }

    /// Ready to be executed.
    pub(super) fn query<'q>(self) -> Result<Query<'q, DB, DB::Arguments>, sqlx::Error> {
        let values = self.values.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(self.text, values))
    }

    /// Ready to be asked for rows.
    pub(super) fn query_as<'q, R>(self) -> Result<QueryAs<'q, DB, R, DB::Arguments>, sqlx::Error>
    where
        R: for<'r> FromRow<'r, DB::Row>,
    {
        let values = self.values.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_as_with(self.text, values))
    }
}

/// The rows that `listing` finds for `ids`, which are sorted.
pub(super) async fn read<I, R>(
    tx: &mut Tx,
    listing: &Listing,
    ids: &[I],
) -> Result<Vec<R>, StoreError>
where
    I: Copy + Send + Sync + Type<Postgres> + Type<Sqlite>,
    I: for<'q> Encode<'q, Postgres> + for<'q> Encode<'q, Sqlite>,
    R: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    let mut found = Vec::with_capacity(ids.len());
    for ids in chunks(ids) {
        let rows: Vec<R> = with_tx!(&mut *tx, |c| {
            let mut read = listing.on(c, ids.len());
            for id in ids {
                read.bind(*id);
            }
            read.query_as()?.fetch_all(c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

/// Pieces of `rows` in a few fixed sizes, in order.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(chunk)
    })
}

/// `text` without NUL, which Postgres cannot keep, and short enough for every index.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    let end = text.floor_char_boundary(LONGEST_TEXT);
    let cut = text.get(..end).unwrap_or_default();
    if cut.contains('\0') {
        return Cow::Owned(cut.replace('\0', ""));
    }
    Cow::Borrowed(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_in_order_and_few_sizes() {
        let rows: Vec<usize> = (0..3000).collect();
        let sizes: Vec<usize> = chunks(&rows).map(<[_]>::len).collect();
        assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert!(sizes.iter().all(|size| SIZES.contains(size)));
        assert!(sizes.len() < 30);
    }

    #[test]
    fn a_listing_is_written_as_its_engine_takes_it() {
        let listing = Listing::new("INSERT INTO t VALUES ", 2, " RETURNING a");
        assert_eq!(
            &*listing.text::<Postgres>(2),
            "INSERT INTO t VALUES ($1, $2), ($3, $4) RETURNING a"
        );
        let listing = Listing::locking("SELECT a FROM t WHERE a IN (", ") ORDER BY a");
        assert_eq!(
            &*listing.text::<Sqlite>(1),
            "SELECT a FROM t WHERE a IN ((?)) ORDER BY a"
        );
        assert!(listing.text::<Postgres>(1).ends_with("a FOR UPDATE"));
    }

    #[test]
    fn text_is_cut_at_a_character_and_loses_nul() {
        assert_eq!(text("a\0b"), "ab");
        assert_eq!(text(&"ä".repeat(200)).chars().count(), 128);
        assert_eq!(text("gpt-4o"), "gpt-4o");
    }
}
