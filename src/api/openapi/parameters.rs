//! Parameters that the extractors of handlers read and that no handler repeats: identifiers in paths,
//! and the headers of creations and changes.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required};

/// Adds them to the operation at `path`.
pub(super) fn complete(operation: &mut Operation, path: &str, is_change: bool) {
    let mut further: Vec<Parameter> = names(path).map(identifier).collect();
    let responses = &operation.responses.responses;
    if responses.contains_key("201") && responses.contains_key("200") {
        let about = "A name of your own: the same request under it makes one thing";
        further.push(header("Idempotency-Key", about, 255));
    }
    if is_change {
        let about = "The `ETag` that was read: if it changed meanwhile, this is refused";
        further.push(header("If-Match", about, 100));
    }
    let parameters = operation.parameters.get_or_insert_default();
    let is_known = |new: &Parameter, known: &RefOr<Parameter>| match known {
        RefOr::T(known) => known.name == new.name,
        RefOr::Ref(_) => false,
    };
    further.retain(|new| !parameters.iter().any(|known| is_known(new, known)));
    parameters.splice(0..0, further.into_iter().map(RefOr::T));
}

/// The names between braces.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/');
    parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn identifier(name: &str) -> Parameter {
    let uuid = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(uuid))
        .build()
}

fn header(name: &str, about: &str, longest: usize) -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(longest));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(text))
        .build()
}
