use super::*;

#[test]
fn objects_hold_only_what_is_required() {
    let schema = json!({"type": "object", "required": ["city", "days"], "properties": {
        "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
        "unit": {"enum": ["C", "F"]},
    }});
    assert_eq!(instance(&schema), json!({"city": "example", "days": 3}));
}

#[test]
fn constants_enums_and_alternatives_are_taken_from_the_schema() {
    assert_eq!(instance(&json!({"const": 7})), 7);
    assert_eq!(
        instance(&json!({"type": "string", "enum": ["b", "a"]})),
        "b"
    );
    let either = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
    assert_eq!(instance(&either), "example");
    assert_eq!(instance(&json!({"type": ["boolean", "null"]})), true);
}

#[test]
fn arrays_hold_as_few_items_as_allowed() {
    let strings = json!({"type": "array", "items": {"type": "string"}, "minItems": 2});
    assert_eq!(instance(&strings), json!(["example", "example"]));
    assert_eq!(
        instance(&json!({"type": "array", "items": {"type": "string"}})),
        json!([])
    );
    let pair = json!({"type": "array", "minItems": 2,
        "prefixItems": [{"type": "integer"}, {"type": "boolean"}]});
    assert_eq!(instance(&pair), json!([0, true]));
}

#[test]
fn strings_keep_their_length_and_format() {
    let length = |schema| instance(&schema).as_str().unwrap().len();
    assert_eq!(length(json!({"type": "string", "minLength": 20})), 20);
    assert_eq!(length(json!({"type": "string", "maxLength": 3})), 3);
    assert_eq!(
        instance(&json!({"type": "string", "format": "date"})),
        "2026-01-01"
    );
}

#[test]
fn numbers_keep_their_bounds_and_step() {
    let cases = [
        (json!({"type": "integer"}), json!(0)),
        (json!({"type": "integer", "exclusiveMinimum": 4}), json!(5)),
        (json!({"type": "integer", "maximum": -2}), json!(-2)),
        (
            json!({"type": "integer", "minimum": 7, "multipleOf": 5}),
            json!(10),
        ),
        (
            json!({"type": "number", "minimum": 0.5, "maximum": 1}),
            json!(0.5),
        ),
        (
            json!({"type": "number", "exclusiveMaximum": 0}),
            json!(-0.5),
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(instance(&schema), expected, "{schema}");
    }
}

#[test]
fn references_are_followed_and_parts_merged() {
    let schema = json!({
        "allOf": [{"$ref": "#/$defs/named"}, {"$ref": "#/$defs/aged"}],
        "$defs": {
            "named": {"type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}}},
            "aged": {"type": "object", "required": ["age"],
                "properties": {"age": {"type": "integer"}}},
        },
    });
    assert_eq!(instance(&schema), json!({"name": "example", "age": 0}));
}

#[test]
fn a_recursive_schema_ends_at_its_simplest_alternative() {
    let schema = json!({"$ref": "#/$defs/node", "$defs": {"node": {
        "type": "object", "required": ["value", "next"], "properties": {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
    }}});
    let mut node = &instance(&schema);
    while !node["next"].is_null() {
        assert_eq!(node["value"], 0);
        node = &node["next"];
    }
    assert_eq!(node["value"], 0);
}

#[test]
fn hostile_schemas_end_and_stay_small() {
    let fork = json!({"$ref": "#", "required": ["a", "b"]});
    let doubling = json!({"type": "object", "required": ["a", "b"],
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}});
    let long = json!({"type": "array", "minItems": u64::MAX, "items": {"type": "string",
        "minLength": u64::MAX}});
    for schema in [fork, doubling, long, json!(true), json!(null), json!([1])] {
        assert!(instance(&schema).to_string().len() < 4_000_000);
    }
}
