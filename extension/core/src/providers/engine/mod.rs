//! The parts that providers are made of.

pub mod algorithm;
pub mod context;
pub mod digest;
pub mod encoding;
pub mod event;
pub mod form;
pub mod identity;
pub mod json;
pub mod json_edit;
mod json_search;
mod json_skip;
mod json_unique;
mod json_walk;
pub mod limits;
pub mod multipart;
pub mod refusal;
pub mod sample;
pub mod signature;
mod source;
pub mod template;
pub mod timestamp;
pub mod token;
pub mod url;
