//! What is wrong with a body, field by field. Anybody may send one, so this costs no more than reading
//! it once or twice: nothing is copied, what is no field of ours is not looked into, and no more is
//! told than a person would read.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::management::Fault;
use crate::management::fault::MOST;

/// Our fields lie no deeper than `limits.quota.amount`.
const DEEPEST: usize = 4;

/// Names and messages repeat what was sent: so many characters of it.
const LONGEST: usize = 200;

/// What is wrong with one member.
enum Found {
    /// Nothing, as far as it goes.
    Nothing,
    /// It is wrong itself.
    Here(Fault),
    /// Something in it is.
    Within(Fault),
}

/// What keeps `body` from being a `T`; at least what is wrong first.
pub(super) fn of<T: DeserializeOwned>(body: Map<String, Value>) -> Vec<Fault> {
    let mut faults = Vec::new();
    collect::<T>(&mut Vec::new(), body, &mut faults);
    faults
}

/// Reads every member alone, down to where the fault is: whatever is wrong, none hides another.
fn collect<T: DeserializeOwned>(
    path: &mut Vec<String>,
    members: Map<String, Value>,
    faults: &mut Vec<Fault>,
) {
    for (name, value) in members {
        if faults.len() >= MOST {
            return;
        }
        path.push(name);
        let alone = wrap(path, value);
        match look::<T>(path, &alone) {
            Found::Nothing => {}
            Found::Here(fault) => faults.push(fault),
            Found::Within(fault) => {
                let before = faults.len();
                if path.len() < DEEPEST {
                    collect::<T>(path, unwrap(path, alone), faults);
                }
                if faults.len() == before {
                    faults.push(fault);
                }
            }
        }
        path.pop();
    }
}

/// What is wrong at `path`, if `alone` is all there is.
fn look<T: DeserializeOwned>(path: &[String], alone: &Value) -> Found {
    let Err(error) = serde_path_to_error::deserialize::<_, T>(alone) else {
        return Found::Nothing;
    };
    let (own, at) = (path.join("."), error.path().to_string());
    let message = error.into_inner().to_string();
    let is_unknown = message.starts_with("unknown field");
    let rest = at.strip_prefix(&own);
    // What is missing beside it is another's fault.
    if rest.is_none() && !is_unknown {
        return Found::Nothing;
    }
    let fault = Fault {
        field: short(own),
        message: if is_unknown {
            "is not a field that this takes".to_owned()
        } else {
            short(message)
        },
    };
    if rest.is_some_and(|rest| rest.starts_with('.')) {
        return Found::Within(fault);
    }
    Found::Here(fault)
}

/// A body that holds `value` at `path`, and nothing else.
fn wrap(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, name| {
        Value::Object(Map::from_iter([(name.clone(), inner)]))
    })
}

/// The members of what such a body holds.
fn unwrap(path: &[String], alone: Value) -> Map<String, Value> {
    let inner = path.iter().try_fold(alone, |outer, name| match outer {
        Value::Object(mut members) => members.remove(name),
        _ => None,
    });
    match inner {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::LimitsPatch;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Change {
        #[serde(rename = "name")]
        _name: Option<String>,
        #[serde(rename = "models")]
        _models: Option<Vec<String>>,
        #[serde(rename = "limits")]
        _limits: Option<LimitsPatch>,
    }

    fn faults(body: &str) -> Vec<Fault> {
        of::<Change>(serde_json::from_str(body).unwrap())
    }

    fn fields(body: &str) -> Vec<String> {
        let fields = faults(body).into_iter().map(|fault| fault.field);
        let mut fields: Vec<_> = fields.collect();
        fields.sort_unstable();
        fields
    }

    /// `count` fields that nobody knows, `depth` objects deep below `outer`.
    fn nested(outer: &str, depth: usize, count: usize) -> String {
        let many: Vec<_> = (0..count).map(|one| format!("\"x{one}\":0")).collect();
        let (before, after) = ("{\"a\":".repeat(depth), "}".repeat(depth));
        let inner = format!("{before}{{{}}}{after}", many.join(","));
        if outer.is_empty() {
            return inner;
        }
        format!("{{\"{outer}\":{inner}}}")
    }

    #[test]
    fn every_faulty_field_is_named_at_once() {
        let body = r#"{"name":7,"budgett":1,"limits":{"concurrency":-1,"rpm":1,
            "quota":{"amount":-5,"period":"year"}}}"#;
        let expected = [
            "budgett",
            "limits.concurrency",
            "limits.quota.amount",
            "limits.quota.period",
            "limits.rpm",
            "name",
        ];
        assert_eq!(fields(body), expected);
    }

    #[test]
    fn what_is_no_field_is_not_looked_into() {
        assert_eq!(fields(&nested("", 60, 2)), ["a"]);
        assert_eq!(fields(&nested("limits", 60, 2)), ["limits.a"]);
        assert_eq!(fields(&nested("name", 3, 2)), ["name"]);
        assert_eq!(fields(&nested("models", 0, 1000)), ["models"]);
        assert_eq!(fields(r#"{"models":["a",1]}"#), ["models"]);
    }

    #[test]
    fn no_more_is_told_than_one_would_read() {
        for outer in ["", "limits"] {
            let many = faults(&nested(outer, 0, 100_000));
            assert_eq!(many.len(), MOST);
        }
        let long = "ü".repeat(100_000);
        for body in [
            format!(r#"{{"{long}":0}}"#),
            format!(r#"{{"limits":{{"concurrency":"{long}"}}}}"#),
        ] {
            let faults = faults(&body);
            let [fault] = faults.as_slice() else {
                panic!("there is one");
            };
            assert!(fault.field.len() + fault.message.len() < 1000);
        }
    }
}
