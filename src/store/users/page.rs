//! Lists of people, by e-mail address.

use sqlx::QueryBuilder;

use super::User;
use crate::store::pattern::contains;
use crate::store::{Db, StoreError};

const SELECT: &str = select!("WHERE email > ");

/// Which people.
#[derive(Clone, Debug, Default)]
pub struct UsersQuery {
    /// A part of the e-mail address, in any case.
    pub search: Option<String>,
    /// Only those behind this e-mail address.
    pub after: String,
    /// How many at most.
    pub limit: usize,
}

/// A page of people.
pub async fn page(db: &Db, query: &UsersQuery) -> Result<Vec<User>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(SELECT);
        sql.push_bind(&query.after);
        if let Some(search) = &query.search {
            sql.push(" AND email LIKE ");
            sql.push_bind(contains(&search.to_lowercase()));
            sql.push(" ESCAPE '\\'");
        }
        sql.push(format_args!(" ORDER BY email LIMIT {}", query.limit));
        sql.build_query_as().fetch_all(pool).await
    })?)
}
