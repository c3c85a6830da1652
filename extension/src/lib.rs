//! The loadable extension: `sqlite3_knocker_init`, and the SQL surface over `knocker-core` that `docs/sql.md` describes.

mod arguments;
mod catalogue;
mod changed_files;
mod entry;
mod functions;
mod session;
mod strict;
