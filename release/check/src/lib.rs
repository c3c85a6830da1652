//! Checks what a release is made of: libraries and commands of other platforms, which cannot be asked, by their headers and texts.

pub mod headers;
pub mod platform;
pub mod rules;
