//! Writing many rows in few statements. Their sizes are fixed, so that the engines keep few of them
//! prepared; what clients chose is cut to what every column and index takes.

use std::borrow::Cow;

use sqlx::{Encode, Postgres, QueryBuilder, Sqlite, Type};

use super::StoreError;
use super::transaction::Tx;

const SIZES: [usize; 3] = [128, 16, 1];
const LONGEST_TEXT: usize = 256;

/// A column that is added to, row by row.
pub(super) struct Counter {
    /// Up to the list of rows to lock.
    pub(super) lock: &'static str,
    /// After it; in the order of the primary key, as every transaction does.
    pub(super) in_order: &'static str,
    /// Up to the list of rows and numbers.
    pub(super) add: &'static str,
    /// After it.
    pub(super) to: &'static str,
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

/// Adds to `counter` of each row; `rows` are sorted and name each row once. Answers how many exist.
pub(super) async fn add<I>(
    tx: &mut Tx,
    counter: &Counter,
    rows: &[(I, i64)],
) -> Result<u64, StoreError>
where
    I: Copy + Send + Sync + Type<Postgres> + Type<Sqlite>,
    I: for<'q> Encode<'q, Postgres> + for<'q> Encode<'q, Sqlite>,
{
    let mut added = 0;
    for rows in chunks(rows) {
        lock(tx, counter, rows).await?;
        added += with_tx!(&mut *tx, |c| {
            let mut add = QueryBuilder::new(counter.add);
            add.push_values(rows, |mut values, (id, number)| {
                values.push_bind(*id).push_bind(*number);
            });
            let add = add.push(counter.to).build().execute(c);
            add.await.map(|done| done.rows_affected())
        })?;
    }
    Ok(added)
}

/// Postgres locks the rows of an update in the order of its plan, so two bookings could wait for
/// each other; `SQLite` has one writer.
async fn lock<I>(tx: &mut Tx, counter: &Counter, rows: &[(I, i64)]) -> Result<(), StoreError>
where
    I: Copy + Send + Type<Postgres> + for<'q> Encode<'q, Postgres>,
{
    let Tx::Postgres(tx) = tx else { return Ok(()) };
    let mut lock = QueryBuilder::new(counter.lock);
    let mut ids = lock.separated(", ");
    for (id, _) in rows {
        ids.push_bind(*id);
    }
    lock.push(counter.in_order)
        .build()
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_in_order_and_few_sizes() {
        let rows: Vec<usize> = (0..300).collect();
        let sizes: Vec<usize> = chunks(&rows).map(<[_]>::len).collect();
        assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert!(sizes.iter().all(|size| SIZES.contains(size)));
        assert!(sizes.len() < 20);
    }

    #[test]
    fn text_is_cut_at_a_character_and_loses_nul() {
        assert_eq!(text("a\0b"), "ab");
        assert_eq!(text(&"ä".repeat(200)).chars().count(), 128);
        assert_eq!(text("gpt-4o"), "gpt-4o");
    }
}
