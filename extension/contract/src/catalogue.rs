//! Functions, errors and providers, from the core's own tables.

use std::collections::BTreeMap;

use knocker_core::Code;
use knocker_core::error::{Family, RESULT_CODES};
use knocker_core::metrics;
use knocker_core::providers::{self, OptionSpec};
use knocker_core::signatures::{FUNCTIONS, Gives, Parameter, Takes};
use serde::Serialize;
use serde_json::Value;

use crate::{packages, types};

/// A SQL function.
#[derive(Serialize)]
pub struct Function {
    name: &'static str,
    about: String,
    arguments: Vec<FunctionArgument>,
    result: Gift,
    /// What calls it in each package.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
}

#[derive(Serialize)]
struct Method {
    of: &'static str,
    name: &'static str,
}

#[derive(Serialize)]
struct FunctionArgument {
    name: &'static str,
    #[serde(rename = "type")]
    takes: &'static str,
    optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    about: String,
}

#[derive(Serialize)]
struct Gift {
    #[serde(rename = "type")]
    gives: &'static str,
    nullable: bool,
}

/// Every function, in the order of the documentation.
pub fn functions() -> Vec<Function> {
    let function = |signature: &knocker_core::signatures::Signature| {
        let required = signature.required.iter().map(|parameter| argument(parameter, false));
        let optional = signature.optional.iter().map(|parameter| argument(parameter, true));
        let (gives, nullable) = match signature.gives {
            Gives::Text => ("text", false),
            Gives::Whole | Gives::Done => ("integer", false),
            Gives::MaybeWhole => ("integer", true),
            Gives::Blob => ("bytes", false),
            Gives::Texts => ("texts", false),
            Gives::Record(name) => (name, false),
        };
        Function {
            name: signature.name,
            about: signature.about.trim().to_owned(),
            arguments: required.chain(optional).collect(),
            result: Gift { gives, nullable },
            method: packages::METHODS.iter().find(|(function, ..)| *function == signature.name).map(|&(_, of, name)| Method { of, name }),
        }
    };
    FUNCTIONS.iter().map(function).collect()
}

fn argument(parameter: &Parameter, optional: bool) -> FunctionArgument {
    let takes = match parameter.takes {
        Takes::Text => "text",
        Takes::Whole => "integer",
        Takes::Bytes | Takes::Blob => "bytes",
        Takes::Form(name) => name,
        Takes::Options => "object",
        Takes::Texts => "texts",
        Takes::Time => "time",
    };
    FunctionArgument { name: parameter.name, takes, optional, unit: types::unit(parameter.name), about: parameter.about.trim().to_owned() }
}

/// What a package needs to know of the metrics, which the core writes.
#[derive(Serialize)]
pub struct Metrics {
    formats: Vec<MetricsFormat>,
    /// The bounds between which a package counts how long its receipts took, in microseconds.
    receive_bounds_us: &'static [i64],
}

#[derive(Serialize)]
struct MetricsFormat {
    name: &'static str,
    content_type: &'static str,
}

/// The formats and the bounds.
pub fn metrics() -> Metrics {
    let format = |format: &metrics::MetricsFormat| MetricsFormat { name: format.name(), content_type: format.content_type() };
    Metrics { formats: metrics::MetricsFormat::ALL.iter().map(format).collect(), receive_bounds_us: &metrics::RECEIVE_BOUNDS_US }
}

/// Codes and what they belong to.
#[derive(Serialize)]
pub struct Errors {
    families: Vec<ErrorFamily>,
    codes: Vec<ErrorCode>,
    /// The codes that SQLite's primary result codes stand for; every other one is `sqlite_error`.
    result_codes: BTreeMap<i32, &'static str>,
}

/// What several codes have in common.
#[derive(Serialize)]
pub struct ErrorFamily {
    /// In class names.
    pub class: &'static str,
    pub about: &'static str,
}

/// One code.
#[derive(Serialize)]
pub struct ErrorCode {
    pub code: &'static str,
    /// The name of its class, without the language's suffix.
    pub class: String,
    pub family: Option<&'static str>,
    pub retryable: bool,
    /// Whose it is: `extension` or `packages`.
    pub of: &'static str,
    pub about: String,
    /// For readers of SQL errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_hint: Option<&'static str>,
    /// For users of a package: `{events()}` stands for a method, `{dry_run}` for a name.
    pub hint: &'static str,
}

/// The table of errors.
pub fn errors() -> Errors {
    let code = |code: &Code| ErrorCode {
        code: code.name(),
        class: class(code.name()),
        family: match code.family() {
            Family::None => None,
            Family::NotFound => Some("NotFound"),
            Family::Database => Some("Database"),
            Family::Setup => Some("Setup"),
        },
        retryable: code.retryable(),
        of: "extension",
        about: code.about().trim().to_owned(),
        sql_hint: Some(code.hint()),
        hint: code.package_hint(),
    };
    let mut codes: Vec<ErrorCode> = Code::ALL.iter().map(code).collect();
    codes.extend(packages::codes());
    Errors {
        families: packages::families(),
        codes,
        result_codes: RESULT_CODES.iter().map(|(result, code)| (*result, code.name())).collect(),
    }
}

/// `bad_state` → `BadState`, `sqlite_error` → `Sqlite`: each language adds its suffix.
pub fn class(code: &str) -> String {
    // Python has an InterruptedError.
    if code == "interrupted" {
        return "CallInterrupted".into();
    }
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    code.strip_suffix("_error").unwrap_or(code).split('_').map(word).collect()
}

/// A provider as far as a package knows it.
#[derive(Serialize)]
pub struct Provider {
    name: &'static str,
    aliases: &'static [&'static str],
    title: &'static str,
    docs: &'static str,
    max_body_bytes: i64,
    needs_secret: bool,
    /// Types of events, as `on(…)` takes them; every one where `types_closed`.
    types: &'static [&'static str],
    types_closed: bool,
    options: Vec<ProviderOption>,
}

#[derive(Serialize)]
struct ProviderOption {
    name: &'static str,
    #[serde(rename = "type")]
    takes: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[i64; 2]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    words: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    default: Value,
    /// Whether it must not be shown.
    secret: bool,
}

/// Every provider.
pub fn providers() -> Vec<Provider> {
    let option = |spec: &OptionSpec| ProviderOption {
        name: spec.name,
        takes: spec.kind.name(),
        range: spec.kind.range(),
        words: spec.kind.choices(),
        unit: types::unit(spec.name),
        default: spec.default_json(),
        secret: spec.kind.is_secret(),
    };
    let provider = |provider: &&'static providers::Provider| Provider {
        name: provider.name,
        aliases: provider.aliases,
        title: provider.title,
        docs: provider.docs,
        max_body_bytes: provider.default_body_limit(),
        needs_secret: provider.needs_secret(),
        types: provider.types(),
        types_closed: provider.types_closed(),
        options: provider.option_specs().iter().map(option).collect(),
    };
    providers::all().iter().map(provider).collect()
}
