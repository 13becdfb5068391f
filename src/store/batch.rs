//! Writing many rows in few statements. Their sizes are fixed and their texts written once, so that
//! the engines keep few of them prepared; what clients chose is cut to what every column takes.

use std::borrow::Cow;
use std::fmt::Write;
use std::iter::{once, repeat_n};
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

/// Rows of the largest statement. A prepared statement of `SQLite` takes memory for each of its rows:
/// with 1024, all of them together took 10 MB.
const MOST: usize = 256;
/// Statements of 1, 2, 4 and so on, up to the largest.
const SIZES: usize = MOST.ilog2() as usize + 1;
const LONGEST_TEXT: usize = 256;

/// A statement with a list of rows in it.
pub(super) struct Listing {
    before: &'static str,
    columns: usize,
    after: &'static str,
    form: Form,
    texts: [[OnceLock<Arc<str>>; SIZES]; 2],
}

/// What surrounds the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// They are inserted.
    Insert,
    /// They are a table in the statement, or a list of ids.
    List,
    /// The same, and what the statement reads is locked.
    Lock,
}

/// How an engine takes lists.
pub(super) trait Engine: Database<Arguments: IntoArguments<Self>> {
    /// Postgres has typed numbers for its values. `SQLite` takes values that are not there for
    /// NULL, so that a statement may have more rows than there are; they match and insert nothing.
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
    /// Inserts rows of `columns` values, none of which begins with NULL.
    pub(super) const fn insert(into: &'static str, columns: usize, then: &'static str) -> Self {
        Self::of(into, columns, then, Form::Insert)
    }

    /// Rows of `columns` values between two pieces of SQL.
    pub(super) const fn new(before: &'static str, columns: usize, after: &'static str) -> Self {
        Self::of(before, columns, after, Form::List)
    }

    /// A query by ids for rows that nobody else may write until the transaction ends. `SQLite` has
    /// one writer; Postgres locks in the order that the query sorts by, unlike an update, so that
    /// two transactions never wait for each other.
    pub(super) const fn locking(before: &'static str, after: &'static str) -> Self {
        Self::of(before, 1, after, Form::Lock)
    }

    const fn of(before: &'static str, columns: usize, after: &'static str, form: Form) -> Self {
        Self {
            before,
            columns,
            after,
            form,
            texts: [const { [const { OnceLock::new() }; SIZES] }; 2],
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
        let rows = rows.next_power_of_two();
        let texts = self.texts.get(usize::from(DB::IS_POSTGRES));
        match texts.and_then(|texts| texts.get(rows.ilog2() as usize)) {
            Some(text) => Arc::clone(text.get_or_init(|| self.write::<DB>(rows).into())),
            None => self.write::<DB>(rows).into(),
        }
    }

    fn write<DB: Engine>(&self, rows: usize) -> String {
        let rows = self.rows::<DB>(rows);
        let (before, after) = (self.before, self.after);
        match (self.form, DB::IS_POSTGRES) {
            (Form::Insert, true) => format!("{before} VALUES {rows}{after}"),
            (Form::Insert, false) => {
                format!("{before} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL{after}")
            }
            (Form::Lock, true) => format!("{before}{rows}{after} FOR UPDATE"),
            (Form::List, _) | (Form::Lock, false) => format!("{before}{rows}{after}"),
        }
    }

    fn rows<DB: Engine>(&self, rows: usize) -> String {
        let mut text = String::new();
        let mut number = 1..;
        for separator in once("(").chain(repeat_n(", (", rows.saturating_sub(1))) {
            text.push_str(separator);
            for separator in once("").chain(repeat_n(", ", self.columns - 1)) {
                text.push_str(separator);
                match number.next().filter(|_| DB::IS_POSTGRES) {
                    Some(number) => _ = write!(text, "${number}"),
                    // A number would make SQLite search the list of all others.
                    None => text.push('?'),
                }
            }
            text.push(')');
        }
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

/// Locks the rows that `listing` finds for `ids`, which are sorted. `SQLite` has one writer.
pub(super) async fn lock<I>(tx: &mut Tx, listing: &Listing, ids: &[I]) -> Result<(), StoreError>
where
    I: Copy + Send + Type<Postgres> + for<'q> Encode<'q, Postgres>,
{
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    for ids in pieces(ids, true) {
        let mut lock = listing.on(&**tx, ids.len());
        for id in ids {
            lock.bind(*id);
        }
        lock.query()?.execute(&mut **tx).await?;
    }
    Ok(())
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
    for ids in chunks(tx, ids) {
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

/// Pieces of `rows`, in order, each with rows for one statement.
pub(super) fn chunks<'r, T>(tx: &Tx, rows: &'r [T]) -> impl Iterator<Item = &'r [T]> + use<'r, T> {
    pieces(rows, matches!(tx, Tx::Postgres(_)))
}

/// Exact ones fill their statement; their sizes are powers of four, so that a connection keeps few
/// statements prepared.
fn pieces<T>(mut rows: &[T], are_exact: bool) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let most = rows.len().min(MOST);
        let exact = 1 << (most.checked_ilog2()? / 2 * 2);
        let size = if are_exact { exact } else { most };
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
    fn pieces_cover_everything_in_order_and_few_sizes() {
        let rows: Vec<usize> = (0..3000).collect();
        let largest = [256; 11];
        let rests = [(true, &[64, 64, 16, 16, 16, 4, 4][..]), (false, &[184])];
        for (are_exact, rest) in rests {
            let expected = [&largest, rest].concat();
            let sizes: Vec<usize> = pieces(&rows, are_exact).map(<[_]>::len).collect();
            assert_eq!(sizes, expected);
            let covered = pieces(&rows, are_exact).flatten().copied();
            assert_eq!(covered.collect::<Vec<_>>(), rows);
            assert_eq!(pieces(&rows[..0], are_exact).count(), 0);
        }
    }

    #[test]
    fn a_listing_is_written_as_its_engine_takes_it() {
        let insert = Listing::insert("INSERT INTO t", 2, " RETURNING a");
        assert_eq!(
            &*insert.text::<Postgres>(2),
            "INSERT INTO t VALUES ($1, $2), ($3, $4) RETURNING a"
        );
        assert_eq!(
            &*insert.text::<Sqlite>(2),
            "INSERT INTO t SELECT * FROM (VALUES (?, ?), (?, ?)) WHERE column1 IS NOT NULL \
             RETURNING a"
        );
        let lock = Listing::locking("SELECT a FROM t WHERE a IN (", ") ORDER BY a");
        assert_eq!(
            &*lock.text::<Sqlite>(3),
            "SELECT a FROM t WHERE a IN ((?), (?), (?), (?)) ORDER BY a"
        );
        assert_eq!(
            &*lock.text::<Postgres>(1),
            "SELECT a FROM t WHERE a IN (($1)) ORDER BY a FOR UPDATE"
        );
    }

    #[test]
    fn text_is_cut_at_a_character_and_loses_nul() {
        assert_eq!(text("a\0b"), "ab");
        assert_eq!(text(&"ä".repeat(200)).chars().count(), 128);
        assert_eq!(text("gpt-4o"), "gpt-4o");
    }
}
