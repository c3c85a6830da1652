//! SQLite for Knocker's Elixir package, where no exqlite brings one: what `Knocker.Driver` asks of a driver, and nothing else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, InterruptHandle, LoadExtensionGuard, OpenFlags, ffi};
use rustler::{Atom, Binary, Encoder, Env, Error, NewBinary, NifResult, Resource, ResourceArc, Term, TermType};

mod watch;

mod atoms {
    rustler::atoms! { ok, error, nil, blob, code, message }
}

/// Statements that a connection keeps prepared: a worker's whole loop with room for the application's own.
const STATEMENTS: usize = 64;

/// How deep an expression is, and how many parts a compound SELECT has. SQLite goes into both by recursion, and its own limits (1000 and 500) are too much
/// for the 320 KiB of stack that a dirty scheduler of Erlang's has: they ended the whole virtual machine at some 600 and 400.
const DEPTH: [(Limit, i32); 2] = [(Limit::SQLITE_LIMIT_EXPR_DEPTH, 400), (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 250)];

/// A connection. Processes use it one after the other, and any may interrupt it; what Erlang forgets to close is closed when its last reference is gone.
struct Database {
    connection: Mutex<Option<Connection>>,
    interrupt: InterruptHandle,
}

#[rustler::resource_impl]
impl Resource for Database {}

impl Database {
    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The garbage collector drops on a scheduler of Erlang's, and closing may write a checkpoint.
impl Drop for Database {
    fn drop(&mut self) {
        if let Some(connection) = self.lock().take() {
            std::thread::spawn(move || drop(connection));
        }
    }
}

/// What the Erlang side gets of a failure: `%{code: integer, message: text}`.
fn failure<'a>(env: Env<'a>, code: i32, message: &str) -> Term<'a> {
    let facts = [(atoms::code().encode(env), code.encode(env)), (atoms::message().encode(env), message.encode(env))];
    (atoms::error(), Term::map_from_pairs(env, &facts).expect("two keys that differ")).encode(env)
}

fn failed<'a>(env: Env<'a>, error: &rusqlite::Error) -> Term<'a> {
    match error {
        rusqlite::Error::SqliteFailure(code, Some(text)) => failure(env, code.extended_code, text),
        rusqlite::Error::SqlInputError { error: code, msg, .. } => failure(env, code.extended_code, msg),
        rusqlite::Error::SqliteFailure(code, None) => failure(env, code.extended_code, &code.to_string()),
        other => failure(env, ffi::SQLITE_MISUSE, &other.to_string()),
    }
}

/// Runs `work` on the open connection; a closed one is misuse.
fn on<'a>(env: Env<'a>, database: &Database, work: impl FnOnce(&Connection) -> rusqlite::Result<Term<'a>>) -> Term<'a> {
    match database.lock().as_ref() {
        None => failure(env, ffi::SQLITE_MISUSE, "the connection is closed"),
        Some(connection) => work(connection).unwrap_or_else(|error| failed(env, &error)),
    }
}

/// Of the two functions of this name, Elixir's says false.
#[rustler::nif]
fn loaded() -> bool {
    true
}

#[rustler::nif(schedule = "DirtyIo")]
fn open<'a>(env: Env<'a>, path: &str, create: bool) -> Term<'a> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        // Who waits for a lock does so in Elixir.
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        for (limit, most) in DEPTH {
            connection.set_limit(limit, most)?;
        }
        Ok(connection)
    });
    match opened {
        Ok(connection) => {
            let interrupt = connection.get_interrupt_handle();
            (atoms::ok(), ResourceArc::new(Database { connection: Mutex::new(Some(connection)), interrupt })).encode(env)
        }
        Err(error) => failed(env, &error),
    }
}

#[rustler::nif(schedule = "DirtyIo")]
fn close(database: ResourceArc<Database>) -> Atom {
    drop(database.lock().take());
    atoms::ok()
}

/// Takes no lock that a running statement holds, hence no dirty scheduler.
#[rustler::nif]
fn interrupt(database: ResourceArc<Database>) -> Atom {
    database.interrupt.interrupt();
    atoms::ok()
}

#[rustler::nif(schedule = "DirtyIo")]
fn in_transaction(database: ResourceArc<Database>) -> bool {
    database.lock().as_ref().is_some_and(|connection| !connection.is_autocommit())
}

#[rustler::nif(schedule = "DirtyIo")]
fn load_extension<'a>(env: Env<'a>, database: ResourceArc<Database>, path: &str, entry: &str) -> Term<'a> {
    on(env, &database, |connection| {
        // SAFETY: no SQL runs while the guard stands, so that only this file is loaded; the application vouches for it.
        unsafe {
            let _allowed = LoadExtensionGuard::new(connection)?;
            connection.load_extension(path, Some(entry))?;
        }
        Ok(atoms::ok().encode(env))
    })
}

#[rustler::nif(schedule = "DirtyIo")]
fn execute<'a>(env: Env<'a>, database: ResourceArc<Database>, sql: &str, parameters: Vec<Term<'a>>) -> NifResult<Term<'a>> {
    let parameters = Parameter::all(parameters)?;
    Ok(on(env, &database, |connection| Ok((atoms::ok(), rows(env, connection, sql, &parameters)?).encode(env))))
}

/// Runs statements one after the other, up to the first that fails: a hand-over to a dirty scheduler costs more than a small statement. Gives the rows of those
/// that ran, and how the last one ended.
#[rustler::nif(schedule = "DirtyIo")]
fn execute_each<'a>(env: Env<'a>, database: ResourceArc<Database>, statements: Vec<(&'a str, Vec<Term<'a>>)>) -> NifResult<Term<'a>> {
    let statements =
        statements.into_iter().map(|(sql, parameters)| Ok((sql, Parameter::all(parameters)?))).collect::<NifResult<Vec<_>>>()?;
    let mut ran = Vec::with_capacity(statements.len());
    let ended = on(env, &database, |connection| {
        for (sql, parameters) in &statements {
            ran.push(rows(env, connection, sql, parameters)?);
        }
        Ok(atoms::ok().encode(env))
    });
    Ok((ran, ended).encode(env))
}

/// Runs one statement: another that follows it is an error.
fn rows<'a>(env: Env<'a>, connection: &Connection, sql: &str, parameters: &[Parameter<'_>]) -> rusqlite::Result<Vec<Vec<Term<'a>>>> {
    let mut statement = connection.prepare_cached(sql)?;
    // SQLite takes those that are missing for NULL.
    if statement.parameter_count() != parameters.len() {
        return Err(rusqlite::Error::InvalidParameterCount(parameters.len(), statement.parameter_count()));
    }
    for (position, parameter) in parameters.iter().enumerate() {
        statement.raw_bind_parameter(position + 1, parameter.bound())?;
    }
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        read.push((0..columns).map(|column| Ok(term(env, row.get_ref(column)?))).collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(read)
}

/// A value on its way in: a binary is text unless it is said to be a blob.
enum Parameter<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Binary<'a>),
    Blob(Binary<'a>),
}

impl<'a> Parameter<'a> {
    fn all(terms: Vec<Term<'a>>) -> NifResult<Vec<Self>> {
        terms.into_iter().map(Self::of).collect()
    }

    fn of(term: Term<'a>) -> NifResult<Self> {
        match term.get_type() {
            TermType::Integer => term.decode().map(Self::Integer),
            TermType::Float => term.decode().map(Self::Real),
            TermType::Binary => term.decode().map(Self::Text),
            TermType::Atom if atoms::nil() == term => Ok(Self::Null),
            TermType::Tuple => match term.decode::<(Atom, Binary<'a>)>()? {
                (tag, bytes) if tag == atoms::blob() => Ok(Self::Blob(bytes)),
                _ => Err(Error::BadArg),
            },
            _ => Err(Error::BadArg),
        }
    }

    fn bound(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(bytes) => ValueRef::Text(bytes.as_slice()),
            Self::Blob(bytes) => ValueRef::Blob(bytes.as_slice()),
        })
    }
}

/// A value on its way out: text and blobs alike are binaries.
fn term<'a>(env: Env<'a>, value: ValueRef<'_>) -> Term<'a> {
    match value {
        ValueRef::Null => atoms::nil().encode(env),
        ValueRef::Integer(value) => value.encode(env),
        // Erlang has no infinite numbers.
        ValueRef::Real(value) if value.is_finite() => value.encode(env),
        ValueRef::Real(value) => value.to_string().encode(env),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let mut binary = NewBinary::new(env, bytes.len());
            binary.as_mut_slice().copy_from_slice(bytes);
            binary.into()
        }
    }
}

rustler::init!("Elixir.Knocker.Driver.Native.Nif");
