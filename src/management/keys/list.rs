//! Lists of keys. A page's place is told by a cursor that whoever asks need not understand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::KeyView;
use crate::domain::model_access::{ModelAccess, ModelPattern};
use crate::domain::tenant::{KeyId, KeyStatus, ProjectId};
use crate::domain::time::Timestamp;
use crate::management::{Access, Faults, Management, Problem};
use crate::store::keys::{self, Finding, Key, Mark, MarkValue, PageQuery, Sort};

/// Pages that are looked through for keys of one model, before a page is answered that is not full.
const ROUNDS: usize = 5;

/// Which keys, and how many.
#[derive(Clone, Debug, Default)]
pub struct KeyQuery {
    /// A part of the name or of what is shown of the secret; or the id.
    pub search: Option<String>,
    /// Only those of this status.
    pub status: Option<KeyStatus>,
    /// Only those of this project.
    pub project: Option<Uuid>,
    /// Only those whose own list allows this model.
    pub model: Option<String>,
    /// Only this user's or token's.
    pub owner: Option<Uuid>,
    /// Only those with this finding.
    pub finding: Option<Finding>,
    /// In which order; the newest first unless given.
    pub sort: Sort,
    /// Whether the largest come first; unless given, only names begin with the smallest.
    pub descending: Option<bool>,
    /// The cursor of the page before.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A page of keys.
#[derive(Debug, Default)]
pub struct KeyList {
    /// What is on it.
    pub keys: Vec<KeyView>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// What a cursor says: the order it is a place of, and the place.
#[derive(Serialize, Deserialize)]
enum Cursor {
    Name(String, Uuid),
    Created(i64, Uuid),
    LastUsed(i64, Uuid),
    Usage(i64, Uuid),
}

impl Management {
    /// A page of the keys that whoever asks may see.
    pub async fn keys(&self, access: &Access, query: KeyQuery) -> Result<KeyList, Problem> {
        let mut faults = Faults::default();
        let after = after(&query, &mut faults);
        check(&query, &mut faults);
        faults.check()?;
        if let (Some(own), Some(owner)) = (access.own_only(), query.owner)
            && own != owner
        {
            return Ok(KeyList::default());
        }
        let page = PageQuery {
            organisation: access.organisation(),
            owner: access.own_only().or(query.owner),
            search: query.search.filter(|text| !text.trim().is_empty()),
            status: query.status,
            project: query.project.map(ProjectId),
            model: query.model,
            finding: query.finding,
            sort: query.sort,
            descending: query.descending.unwrap_or(query.sort != Sort::Name),
            after,
            limit: query.limit.max(1),
            now: self.now(),
        };
        let (keys, next) = self.fill(page).await?;
        Ok(KeyList {
            keys: KeyView::all(&self.db, keys, self.now()).await?,
            next,
        })
    }

    /// The keys, of those that whoever asks may see, that are closest to the end of a quota or a budget:
    /// `limit` at most.
    pub async fn keys_near_quota(
        &self,
        access: &Access,
        limit: u16,
    ) -> Result<Vec<KeyView>, Problem> {
        let (organisation, owner) = (access.organisation(), access.own_only());
        let (db, now) = (&self.db, self.now());
        let keys = keys::near_quota(db, organisation, owner, now, limit).await?;
        Ok(KeyView::all(db, keys, now).await?)
    }

    /// As many keys as are asked for. Which models a list allows only its patterns tell, so that more
    /// may have to be looked at.
    async fn fill(&self, mut query: PageQuery) -> Result<(Vec<Key>, Option<String>), Problem> {
        let mut found = Vec::new();
        let mut next = None;
        for _ in 0..ROUNDS {
            let (page, is_last) = keys::page(&self.db, &query).await?;
            let mut is_cut = false;
            for (key, mark) in page {
                if found.len() == query.limit {
                    is_cut = true;
                    break;
                }
                query.after = Some(mark);
                if may_call(&key, query.model.as_deref()) {
                    found.push(key);
                }
            }
            let is_full = found.len() == query.limit;
            next = query.after.as_ref().filter(|_| is_cut || !is_last);
            if next.is_none() || is_full {
                break;
            }
        }
        let next = next.map(|mark| cursor(query.sort, mark));
        Ok((found, next))
    }
}

fn may_call(key: &Key, model: Option<&str>) -> bool {
    let Some(model) = model else { return true };
    let access = ModelAccess::compile(key.models.as_deref());
    access.is_ok_and(|access| access.allows(model))
}

fn check(query: &KeyQuery, faults: &mut Faults) {
    let search = query.search.as_deref().unwrap_or_default();
    if search.chars().count() > 200 || search.chars().any(char::is_control) {
        faults.add("search", "at most 200 characters, none of them control");
    }
    if let Some(Err(error)) = query.model.as_deref().map(ModelPattern::parse) {
        faults.add("model", error.to_string());
    }
}

/// The place that the query's cursor names.
fn after(query: &KeyQuery, faults: &mut Faults) -> Option<Mark> {
    let text = query.cursor.as_deref()?;
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let mark = match (query.sort, serde_json::from_slice(&bytes)) {
        (Sort::Name, Ok(Cursor::Name(name, id))) if !name.contains('\0') => {
            Some((MarkValue::Text(name), id))
        }
        (Sort::Created, Ok(Cursor::Created(at, id)))
        | (Sort::LastUsed, Ok(Cursor::LastUsed(at, id))) => {
            Some((MarkValue::Time(Timestamp(at)), id))
        }
        (Sort::Usage, Ok(Cursor::Usage(tokens, id))) => Some((MarkValue::Number(tokens), id)),
        _ => None,
    };
    if mark.is_none() {
        faults.add("cursor", "is none of this list and order; begin anew");
    }
    let (value, id) = mark?;
    Some(Mark {
        value,
        id: KeyId(id),
    })
}

fn cursor(sort: Sort, mark: &Mark) -> String {
    let id = mark.id.0;
    let cursor = match (&mark.value, sort) {
        (MarkValue::Text(name), _) => Cursor::Name(name.clone(), id),
        (MarkValue::Time(at), Sort::LastUsed) => Cursor::LastUsed(at.0, id),
        (MarkValue::Time(at), _) => Cursor::Created(at.0, id),
        (MarkValue::Number(tokens), _) => Cursor::Usage(*tokens, id),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}
