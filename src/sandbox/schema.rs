//! The smallest value that fits a JSON schema, as far as the usual keywords go.
//!
//! It always ends, whatever the schema: recursion and size are bounded, and what lies beyond the
//! bounds becomes `null`.

use serde_json::{Map, Value, json};

/// Deepest nesting it follows.
const MAX_DEPTH: usize = 24;
/// From this depth on the simplest alternative is taken, which ends recursive schemas.
const SIMPLEST_FROM: usize = 3;
/// Most values it makes for one schema.
const MAX_VALUES: usize = 2_000;
/// Longest string it makes.
const MAX_CHARS: usize = 1_000;

/// A value that fits the schema.
pub(super) fn instance(schema: &Value) -> Value {
    let mut maker = Maker {
        root: schema,
        left: MAX_VALUES,
    };
    maker.value(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    left: usize,
}

impl<'a> Maker<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        if depth > MAX_DEPTH || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(target) = self.reference(schema) {
            return self.value(target, depth + 1);
        }
        if let Some(fixed) = fixed(schema) {
            return fixed;
        }
        if let Some(alternative) = alternative(schema, depth) {
            return self.value(alternative, depth + 1);
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.merged(schema, parts, depth);
        }
        self.typed(schema, depth)
    }

    fn typed(&mut self, schema: &'a Value, depth: usize) -> Value {
        match kind(schema) {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => self.array(schema, depth),
            "string" => string(schema).into(),
            "integer" => number(schema, true),
            "number" => number(schema, false),
            "boolean" => true.into(),
            _ => Value::Null,
        }
    }

    /// Only the required properties.
    fn object(&mut self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let required = schema.get("required").and_then(Value::as_array);
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        let mut object = Map::new();
        for name in names {
            let property = schema.get("properties").and_then(|p| p.get(name));
            let value = match property {
                Some(property) => self.value(property, depth + 1),
                None => json!("example"),
            };
            object.insert(name.to_owned(), value);
        }
        object
    }

    /// Only as many items as it must have.
    fn array(&mut self, schema: &'a Value, depth: usize) -> Value {
        let fewest = whole(schema, "minItems").unwrap_or(0).min(self.left);
        let leading = schema.get("prefixItems").and_then(Value::as_array);
        let leading: &[Value] = leading.map_or(&[], Vec::as_slice);
        let mut item = |index: usize| {
            let schema = leading.get(index).or_else(|| schema.get("items"));
            schema.map_or(Value::Null, |schema| self.value(schema, depth + 1))
        };
        (0..fewest).map(&mut item).collect()
    }

    /// The objects of all parts put together, or the first part that is none.
    fn merged(&mut self, schema: &'a Value, parts: &'a [Value], depth: usize) -> Value {
        let mut merged = self.object(schema, depth);
        for part in parts {
            match self.value(part, depth + 1) {
                Value::Object(fields) => merged.extend(fields),
                other => return other,
            }
        }
        Value::Object(merged)
    }

    /// The target of a `$ref` inside the document.
    fn reference(&self, schema: &Value) -> Option<&'a Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }
}

/// A value the schema spells out.
fn fixed(schema: &Value) -> Option<Value> {
    let first = schema.get("enum").and_then(|values| values.get(0));
    schema.get("const").or(first).cloned()
}

/// One of `anyOf` or `oneOf`: the first, or the simplest where it nests.
fn alternative(schema: &Value, depth: usize) -> Option<&Value> {
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    let list = list.as_array()?;
    if depth < SIMPLEST_FROM {
        return list.first();
    }
    list.iter().min_by_key(|schema| weight(schema))
}

fn weight(schema: &Value) -> u8 {
    if schema.get("$ref").is_some() {
        return 3;
    }
    match kind(schema) {
        "null" => 0,
        "object" | "array" => 2,
        _ => 1,
    }
}

/// The first type named, else what the other keywords suggest.
fn kind(schema: &Value) -> &str {
    let named = schema.get("type");
    let named = named.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    let suggests = |keyword: &str| schema.get(keyword).is_some();
    named.unwrap_or_else(|| match () {
        () if suggests("properties") || suggests("required") => "object",
        () if suggests("items") || suggests("prefixItems") => "array",
        () if suggests("minLength") || suggests("format") => "string",
        () if suggests("minimum") || suggests("maximum") => "number",
        () if schema.as_object().is_some_and(Map::is_empty) => "object",
        () => "null",
    })
}

fn string(schema: &Value) -> String {
    let format = schema.get("format").and_then(Value::as_str);
    let text = match format {
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("date") => "2026-01-01",
        Some("time") => "00:00:00Z",
        Some("duration") => "PT1S",
        Some("email") => "someone@example.com",
        Some("hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("uri" | "url") => "https://example.com/",
        _ => "example",
    };
    let longest = whole(schema, "maxLength").unwrap_or(MAX_CHARS);
    let shortest = whole(schema, "minLength").unwrap_or(0).min(MAX_CHARS);
    let padding = "x".repeat(shortest.saturating_sub(text.len()));
    text.chars().chain(padding.chars()).take(longest).collect()
}

/// The number nearest to 0 that fits the bounds, or for `multipleOf` the first one from below.
fn number(schema: &Value, integer: bool) -> Value {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0);
    let step = step.or(integer.then_some(1.0));
    let above = bound("exclusiveMinimum").map(|low| low + step.unwrap_or(0.5));
    let below = bound("exclusiveMaximum").map(|high| high - step.unwrap_or(0.5));
    let low = above.or(bound("minimum")).unwrap_or(f64::NEG_INFINITY);
    let high = below.or(bound("maximum")).unwrap_or(f64::INFINITY);
    let mut number = 0.0_f64.min(high).max(low);
    if let Some(step) = step {
        let steps = number / step;
        number = step
            * if number > 0.0 {
                steps.ceil()
            } else {
                steps.floor()
            };
        if number < low {
            number += step;
        }
    }
    let digits = if integer { 0 } else { 6 };
    format!("{number:.digits$}").parse().unwrap_or(json!(0))
}

fn whole(schema: &Value, keyword: &str) -> Option<usize> {
    let number = schema.get(keyword)?.as_u64()?;
    Some(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
