//! What the core knows and each package needs, as one JSON document: `contract.json`, from which `generate/` makes the part of each package
//! that is mere contract.
//!
//! Most of it comes from what the core itself works with: the forms that its arguments are checked with, the structs that its results are
//! written from, its tables of functions, codes and providers. Only the views and what belongs to the packages stand here, and tests compare the views
//! with the file.

mod arguments;
mod catalogue;
mod packages;
mod records;
mod types;
mod views;

use knocker_core::schema;
use serde::Serialize;

/// Where the document stands.
pub const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract.json");

/// The whole of it, in the order in which it is written.
#[derive(Serialize)]
pub struct Contract {
    about: &'static str,
    version: &'static str,
    schema_version: i64,
    library: packages::Library,
    concepts: &'static [packages::Concept],
    lists: Vec<records::List>,
    records: Vec<records::Record>,
    arguments: Vec<arguments::Argument>,
    functions: Vec<catalogue::Function>,
    views: Vec<views::View>,
    metrics: catalogue::Metrics,
    errors: catalogue::Errors,
    providers: Vec<catalogue::Provider>,
}

/// The contract of this build.
pub fn contract() -> Contract {
    let schemas = records::schemas();
    let records = records::records(&schemas);
    Contract {
        about: "Written by the core: `make contract`. Do not edit.",
        version: knocker_core::VERSION,
        schema_version: schema::VERSION,
        library: packages::LIBRARY,
        concepts: packages::CONCEPTS,
        lists: records::lists(&schemas),
        views: views::views(&records),
        records,
        arguments: arguments::arguments(),
        functions: catalogue::functions(),
        metrics: catalogue::metrics(),
        errors: catalogue::errors(),
        providers: catalogue::providers(),
    }
}

/// The document as it is written.
pub fn text() -> String {
    serde_json::to_string_pretty(&contract()).expect("the contract is plain JSON") + "\n"
}
