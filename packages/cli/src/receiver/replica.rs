//! The replica of the file that Litestream keeps elsewhere: a receipt is answered once it is there.
//!
//! Litestream's control socket speaks HTTP: `POST /sync` with `wait` answers once everything that is committed when it is asked is in the replica.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;

/// What Litestream answers is a line.
const MOST_ANSWERED: usize = 64 * 1024;

/// The code of a receipt that is stored and whose replica does not have it in time, as every package has it.
pub const NOT_REPLICATED: &str = "not_replicated";

/// One file's replica.
pub struct Replica {
    socket: PathBuf,
    timeout: Duration,
    /// Litestream knows the file by the name in its configuration, which may be one with links or the one that they lead to.
    names: Vec<PathBuf>,
}

impl Replica {
    /// The replica of the file at the path, by the Litestream that listens at the socket.
    pub fn new(path: &Path, socket: PathBuf, timeout: Duration) -> Self {
        let mut names: Vec<PathBuf> = [std::path::absolute(path), path.canonicalize()].into_iter().flatten().collect();
        names.dedup();
        Self { socket, timeout, names }
    }

    /// Comes back once the replica has all that is committed; false where it does not say so in time.
    pub async fn has_all(&self) -> bool {
        tokio::time::timeout(self.timeout, self.synced()).await.is_ok_and(|answer| answer.unwrap_or(false))
    }

    async fn synced(&self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        for name in &self.names {
            let (status, answer) = self.ask(name).await?;
            if status != 404 {
                // A file that it has not begun with has no transaction there.
                let is_there = answer["replicated_txid"].as_u64().is_some_and(|number| number > 0);
                return Ok(status == 200 && is_there && matches!(answer["status"].as_str(), Some("synced" | "no_change")));
            }
        }
        Ok(false)
    }

    async fn ask(&self, name: &Path) -> Result<(u16, Value), Box<dyn Error + Send + Sync>> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let question = json!({"path": name, "wait": true, "timeout": self.timeout.as_secs_f64().ceil() as u64});
        let request = Request::post("/sync")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(question.to_string()))?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST_ANSWERED).collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    }
}
