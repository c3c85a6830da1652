//! How the command proves itself to NATS, and whom it trusts: from files and the environment, never from the command line, which other users of
//! the machine can read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::connection::Login;
use super::nkey::{self, UserKey};
use crate::failure::{Failure, Result};

/// The sources of credentials.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Credentials {
    /// A credentials file (JWT and seed), as `nsc` writes it
    #[arg(long, value_name = "FILE", help_heading = "NATS", conflicts_with_all = ["nkey_file", "token_env", "user"])]
    creds: Option<PathBuf>,

    /// A file with the seed of a user's NKey
    #[arg(long, value_name = "FILE", help_heading = "NATS", conflicts_with_all = ["token_env", "user"])]
    nkey_file: Option<PathBuf>,

    /// Take the token from this environment variable
    #[arg(long, value_name = "NAME", help_heading = "NATS", conflicts_with = "user")]
    token_env: Option<String>,

    /// The name of the user
    #[arg(long, value_name = "NAME", help_heading = "NATS", requires = "password_env")]
    user: Option<String>,

    /// Take the user's password from this environment variable
    #[arg(long, value_name = "NAME", help_heading = "NATS", requires = "user")]
    password_env: Option<String>,

    /// Trust servers whose certificates these authorities have signed, in the place of the public ones
    #[arg(long, value_name = "FILE", help_heading = "NATS")]
    tls_ca: Option<PathBuf>,

    /// A certificate of this client
    #[arg(long, value_name = "FILE", help_heading = "NATS", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert
    #[arg(long, value_name = "FILE", help_heading = "NATS", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Credentials {
    /// What was named, read anew for each connection: files of credentials are renewed.
    pub fn login(&self, tls_required: bool) -> Result<Login> {
        let mut login = Login { tls: Some(self.tls()?), tls_required: tls_required || self.tls_ca.is_some(), ..Login::default() };
        if let Some(path) = &self.creds {
            let (jwt, key) = nkey::credentials(&read(path)?).ok_or_else(|| {
                let message = format!("{} holds no credentials of a user", path.display());
                Failure::usage(message, "Give the file that `nsc generate creds` writes: a JWT, and the seed of a user's key.")
            })?;
            (login.jwt, login.key) = (Some(jwt), Some(key));
        }
        if let Some(path) = &self.nkey_file {
            let key = UserKey::from_seed(&read(path)?).ok_or_else(|| {
                Failure::usage(format!("{} holds no seed of a user's key", path.display()), "Give the text that begins with SU.")
            })?;
            login.key = Some(key);
        }
        if let Some(name) = &self.token_env {
            login.token = Some(from_environment(name)?);
        }
        if let (Some(user), Some(name)) = (&self.user, &self.password_env) {
            login.user = Some((user.clone(), from_environment(name)?));
        }
        Ok(login)
    }

    fn tls(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        match &self.tls_ca {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| unusable(path, &error))?;
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has what TLS needs")
            .with_root_certificates(roots);
        Ok(Arc::new(match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                read(key)?;
                let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
                config.with_client_auth_cert(certificates(certificate)?, private).map_err(|error| unusable(certificate, &error))?
            }
            _ => config.with_no_client_auth(),
        }))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unusable(path, &"there is none in it")),
        Err(error) => Err(unusable(path, &error)),
    }
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{} cannot be used: {why}", path.display()), "Give a file in the PEM format (-----BEGIN …).")
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::unreadable(&path.display().to_string(), &error))?;
    Ok(Zeroizing::new(text))
}

fn from_environment(name: &str) -> Result<Zeroizing<String>> {
    let value = std::env::var(name)
        .map_err(|_| Failure::usage(format!("the environment variable {name:?} is not set"), "Export it, or name another one."))?;
    Ok(Zeroizing::new(value))
}
