//! One key set from outside a file: its text becomes the kind of value that belongs there, and lists
//! of tables are reached by their place, as in `TOLLGATE_PROVIDERS__0__NAME`.

use toml::{Table, Value};

use super::error::ConfigError;
use super::shape;

/// A key, its value as text and who sets it.
pub(super) struct Setting<'a> {
    pub(super) path: &'a [String],
    pub(super) text: &'a str,
    pub(super) origin: &'a str,
}

impl Setting<'_> {
    /// Where the table is that holds the key.
    pub(super) fn parent(&self) -> &[String] {
        self.path.split_last().map_or(&[], |(_, parent)| parent)
    }

    /// Puts the value where its path leads.
    pub(super) fn apply(&self, table: &mut Table, shape: &Table) -> Result<(), ConfigError> {
        let expected = self.expected(shape, 0)?;
        let value = parse(expected, self.text).ok_or_else(|| self.wrong_kind(expected))?;
        place(table, self.path, value).ok_or_else(|| ConfigError::Kind {
            key: self.path.join("."),
            origin: self.origin.to_owned(),
            expected: "numbered from 0 without gaps".to_owned(),
        })
    }

    /// What the shape has at the path, of which `depth` segments led to `shape`.
    fn expected<'s>(&self, shape: &'s Table, depth: usize) -> Result<&'s Value, ConfigError> {
        let (done, rest) = self.path.split_at(depth.min(self.path.len()));
        let (first, rest) = rest
            .split_first()
            .ok_or_else(|| self.unknown("", done, shape))?;
        let unknown = || self.unknown(first, done, shape);
        let expected = shape.get(first).ok_or_else(unknown)?;
        match (expected, rest.len()) {
            (_, 0) => Ok(expected),
            (Value::Table(deeper), _) => self.expected(deeper, depth + 1),
            (Value::Array(items), 2..) => match items.first() {
                Some(Value::Table(deeper)) => self.expected(deeper, depth + 2),
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    fn unknown(&self, key: &str, parents: &[String], shape: &Table) -> ConfigError {
        let parent = parents.join(".");
        shape::unknown(&self.path.join("."), key, shape, &parent, self.origin)
    }

    fn wrong_kind(&self, expected: &Value) -> ConfigError {
        shape::wrong_kind(&self.path.join("."), expected, self.origin)
    }
}

fn parse(expected: &Value, text: &str) -> Option<Value> {
    match expected {
        Value::String(_) => Some(text.into()),
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Float(_) => text.trim().parse().ok().map(Value::Float),
        Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
        Value::Array(items) if !items.first().is_some_and(Value::is_table) => {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            Some(Value::Array(items.map(Value::from).collect()))
        }
        _ => None,
    }
}

/// Puts `value` at `path`, making the tables and list elements on the way.
fn place(table: &mut Table, path: &[String], value: Value) -> Option<()> {
    let (first, rest) = path.split_first()?;
    let Some((second, deeper)) = rest.split_first() else {
        table.insert(first.clone(), value);
        return Some(());
    };
    let is_place = second.parse::<usize>().is_ok();
    let empty = if is_place {
        Value::Array(Vec::new())
    } else {
        Value::Table(Table::new())
    };
    match table.entry(first.clone()).or_insert(empty) {
        Value::Table(inner) => place(inner, rest, value),
        Value::Array(items) => place(element(items, second)?, deeper, value),
        _ => None,
    }
}

/// Takes away what is at `path`, if anything is.
pub(super) fn remove(table: &mut Table, path: &[String]) {
    match path {
        [] => {}
        [key] => {
            table.remove(key);
        }
        [key, rest @ ..] => match (table.get_mut(key), rest) {
            (Some(Value::Table(inner)), _) => remove(inner, rest),
            (Some(Value::Array(items)), [place, deeper @ ..]) => {
                let place = place.parse::<usize>().ok();
                let element = place.and_then(|place| items.get_mut(place));
                if let Some(Value::Table(inner)) = element {
                    remove(inner, deeper);
                }
            }
            _ => {}
        },
    }
}

/// The table at a place of a list, which may be the one after its last.
fn element<'a>(items: &'a mut Vec<Value>, at: &str) -> Option<&'a mut Table> {
    let at: usize = at.parse().ok()?;
    if at == items.len() {
        items.push(Value::Table(Table::new()));
    }
    items.get_mut(at).and_then(Value::as_table_mut)
}
