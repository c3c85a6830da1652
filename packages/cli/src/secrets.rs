//! Where a secret comes from: an environment variable, a file, or the keyboard. Never the command line, which other users of the machine
//! and the history of the shell can read.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::shell::quoted;

/// The sources of secrets. Without one the command asks on the terminal.
#[derive(clap::Args)]
pub struct SecretArgs {
    /// Take the secret from this environment variable; may be repeated
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,

    /// Read the secret from this file, - for standard input; may be repeated
    #[arg(long, value_name = "PATH")]
    secret_file: Vec<PathBuf>,
}

impl SecretArgs {
    /// Refuses to read standard input twice: for `other`, which is `-` then, and for a secret, or for two secrets. To be called before
    /// anything is read.
    pub fn leave_stdin_to(&self, other: &Path) -> Result {
        let readers = self.secret_file.iter().map(PathBuf::as_path).chain([other]).filter(|path| path.as_os_str() == "-");
        if readers.count() > 1 {
            return Err(Failure::usage("standard input cannot be read twice", "Put the secret into a file, or use --secret-env."));
        }
        Ok(())
    }

    /// Whether a source was named, so that nobody is asked.
    pub fn any(&self) -> bool {
        !self.secret_env.is_empty() || !self.secret_file.is_empty()
    }

    /// What to type for a command that is to take the first of these secrets too.
    pub fn typed(&self) -> String {
        let path = self.secret_file.first().filter(|path| path.as_os_str() != "-");
        match (self.secret_env.first(), path) {
            (Some(name), _) => format!("--secret-env {}", quoted(name)),
            (None, Some(path)) => format!("--secret-file {}", quoted(&path.display().to_string())),
            (None, None) if self.any() => "--secret-file PATH".into(),
            (None, None) => "--secret-env NAME".into(),
        }
    }

    /// Every secret.
    pub fn read_all(&self) -> Result<Vec<Zeroizing<String>>> {
        let mut secrets = Vec::new();
        for name in &self.secret_env {
            let secret = std::env::var(name)
                .map_err(|_| Failure::usage(format!("the environment variable {name:?} is not set"), "Export it, or name another one."))?;
            secrets.push(Zeroizing::new(secret));
        }
        for path in &self.secret_file {
            secrets.push(read_file(path)?);
        }
        if secrets.is_empty() {
            secrets.push(prompt()?);
        }
        if secrets.iter().any(|secret| secret.trim().is_empty()) {
            return Err(Failure::usage("a secret is blank", "Nothing is signed or verified with a blank secret."));
        }
        Ok(secrets)
    }

    /// The one secret to sign with.
    pub fn read_one(&self) -> Result<Zeroizing<String>> {
        let mut secrets = self.read_all()?;
        match (secrets.pop(), secrets.is_empty()) {
            (Some(secret), true) => Ok(secret),
            _ => Err(Failure::usage("several secrets were given", "A request is signed with one: give one --secret-env or --secret-file.")),
        }
    }
}

/// A file's text without the line end that editors put behind it.
fn read_file(path: &Path) -> Result<Zeroizing<String>> {
    let what = format!("the secret file {}", path.display());
    let mut text = Zeroizing::new(String::new());
    if path.as_os_str() == "-" {
        io::stdin().lock().read_to_string(&mut text).map_err(|error| Failure::unreadable("the secret from standard input", &error))?;
    } else {
        let mut file = std::fs::File::open(path).map_err(|error| Failure::unreadable(&what, &error))?;
        file.read_to_string(&mut text).map_err(|error| Failure::unreadable(&what, &error))?;
    }
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Zeroizing::new(secret.strip_suffix('\r').unwrap_or(secret).to_owned()))
}

fn prompt() -> Result<Zeroizing<String>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::usage(
            "no secret was given",
            "Add --secret-env NAME or --secret-file PATH; on a terminal the command asks for it.",
        ));
    }
    eprint!("Secret (not shown): ");
    rpassword::read_password().map(Zeroizing::new).map_err(|error| Failure::unreadable("the secret from the terminal", &error))
}
