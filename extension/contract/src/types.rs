//! What a field or a key holds. What a name says by its end is not said again by hand: times end in `_at`, durations and sizes in their unit.

use schemars::JsonSchema;

/// A BLOB.
#[derive(JsonSchema)]
pub struct Bytes;

/// A JSON object whose names are data.
#[derive(JsonSchema)]
pub struct Object;

/// A JSON object of headers: names in lower case, a repeated one as an array.
#[derive(JsonSchema)]
pub struct Headers;

/// What stands for a type of its own in the contract.
pub fn builtin(name: &str) -> Option<&'static str> {
    match name {
        "Bytes" => Some("bytes"),
        "Object" => Some("object"),
        "Headers" => Some("headers"),
        _ => None,
    }
}

/// The type of a whole number of this name.
pub fn whole(name: &str) -> &'static str {
    if name.ends_with("_at") { "time" } else { "integer" }
}

/// The unit that a name ends in.
pub fn unit(name: &str) -> Option<&'static str> {
    match name.rsplit('_').next() {
        Some("s") => Some("seconds"),
        Some("ms") => Some("milliseconds"),
        Some("bytes") => Some("bytes"),
        _ => None,
    }
}
