//! The parts that providers are made of.

pub mod context;
pub mod digest;
pub mod encoding;
pub mod event;
pub mod hmac;
pub mod json;
pub mod refusal;
pub mod sample;
pub mod template;
pub mod timestamp;
pub mod token;
pub mod url;
