//! What may be configured. The shipped files name every key, so they are the schema, too: a layer
//! is compared with them, which names an unknown key with its path and its origin.

use toml::{Table, Value};

use super::error::ConfigError;

pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");
pub(super) const EXAMPLE: &str = include_str!("../../config/example.toml");

/// A table that holds every key with a value of its kind; a list of tables holds one that has all
/// keys of its elements.
pub(super) fn shipped() -> Table {
    let mut shape = parse_shipped(DEFAULTS);
    for (key, value) in parse_shipped(EXAMPLE) {
        shape.insert(key, united(value));
    }
    shape
}

pub(super) fn parse_shipped(text: &str) -> Table {
    text.parse().expect("the shipped configuration is valid")
}

/// Compares a layer with the shape.
pub(super) fn check(layer: &Table, shape: &Table, origin: &str) -> Result<(), ConfigError> {
    check_table(layer, shape, "", origin)
}

fn check_table(layer: &Table, shape: &Table, path: &str, origin: &str) -> Result<(), ConfigError> {
    for (key, value) in layer {
        let name = join(path, key);
        let expected = shape
            .get(key)
            .ok_or_else(|| unknown(&name, key, shape, path, origin))?;
        check_value(value, expected, &name, origin)?;
    }
    Ok(())
}

fn check_value(
    value: &Value,
    expected: &Value,
    name: &str,
    origin: &str,
) -> Result<(), ConfigError> {
    match (value, expected) {
        (Value::Table(table), Value::Table(shape)) => check_table(table, shape, name, origin),
        (Value::Array(items), Value::Array(shape)) => match shape.first() {
            Some(element @ Value::Table(_)) => {
                items.iter().enumerate().try_for_each(|(at, item)| {
                    check_value(item, element, &format!("{name}.{at}"), origin)
                })
            }
            _ => items
                .iter()
                .try_for_each(|item| check_text(item, name, origin)),
        },
        (Value::Integer(_), Value::Float(_)) => Ok(()),
        _ if value.same_type(expected) => Ok(()),
        _ => Err(wrong_kind(name, expected, origin)),
    }
}

/// Lists of plain values are lists of strings.
fn check_text(item: &Value, name: &str, origin: &str) -> Result<(), ConfigError> {
    if item.is_str() {
        return Ok(());
    }
    Err(wrong_kind(name, &Value::Array(Vec::new()), origin))
}

pub(super) fn wrong_kind(name: &str, expected: &Value, origin: &str) -> ConfigError {
    let expected = match expected {
        Value::String(_) => "a string in quotes".to_owned(),
        Value::Integer(_) => "a whole number".to_owned(),
        Value::Float(_) => "a number".to_owned(),
        Value::Boolean(_) => "true or false".to_owned(),
        Value::Array(items) if items.first().is_some_and(Value::is_table) => {
            "a list of tables; see config/example.toml".to_owned()
        }
        Value::Array(_) => "a list of strings".to_owned(),
        Value::Table(keys) => {
            let keys: Vec<&str> = keys.keys().map(String::as_str).collect();
            format!("a table with the keys {}", keys.join(", "))
        }
        Value::Datetime(_) => "of another kind; see config/default.toml".to_owned(),
    };
    ConfigError::Kind {
        key: name.to_owned(),
        origin: origin.to_owned(),
        expected,
    }
}

pub(super) fn unknown(
    name: &str,
    key: &str,
    shape: &Table,
    path: &str,
    origin: &str,
) -> ConfigError {
    let scored = shape
        .keys()
        .map(|known| (strsim::normalized_damerau_levenshtein(key, known), known));
    let nearest = scored
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= 0.5);
    let hint = match nearest {
        Some((_, known)) => format!("did you mean {}?", join(path, known)),
        None => "remove it, or see config/default.toml for the known ones".to_owned(),
    };
    ConfigError::UnknownKey {
        key: name.to_owned(),
        origin: origin.to_owned(),
        hint,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// A list of tables as one table with the keys of all.
fn united(value: Value) -> Value {
    let Value::Array(items) = value else {
        return value;
    };
    let mut all = Table::new();
    for item in items {
        if let Value::Table(table) = item {
            super::layers::merge(&mut all, table);
        }
    }
    Value::Array(vec![Value::Table(all)])
}
