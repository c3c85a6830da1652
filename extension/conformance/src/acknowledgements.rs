//! The parent's side of a test process: what it has acknowledged so far, and its end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::library;

/// A running test process. Killed when it is dropped.
pub struct TestProcess {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Option<JoinHandle<String>>,
}

impl TestProcess {
    /// Starts `program` (the path of `knocker-conformance-child`) with a role, the file, a name and a number.
    pub fn start(program: &str, role: &str, file: &Path, name: &str, number: u32) -> Self {
        let mut child = Command::new(program)
            .args([role, file.to_str().expect("a path in UTF-8"), name, &number.to_string()])
            .env("KNOCKER_EXTENSION", library::path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the process starts");
        let (sender, lines) = channel();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || {
            let mut line = String::new();
            // A line without its end was cut off by the kill: nothing was promised by it.
            while output.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
                if sender.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let mut error_output = child.stderr.take().expect("a pipe");
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = error_output.read_to_string(&mut text);
            text
        });
        let input = child.stdin.take();
        Self { child, input, lines, seen: Vec::new(), errors: Some(errors) }
    }

    /// Waits until it has acknowledged `count` more lines, or is gone, or nothing came for `patience`.
    pub fn wait_for(&mut self, count: usize, patience: Duration) {
        for _ in 0..count {
            match self.lines.recv_timeout(patience) {
                Ok(line) => self.seen.push(line),
                Err(_) => return,
            }
        }
    }

    /// Kills it with SIGKILL and returns all that it acknowledged and what it wrote as errors.
    pub fn kill(mut self) -> (Vec<String>, String) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
        self.collect()
    }

    /// Ends its input, waits for it, and returns all that it acknowledged.
    ///
    /// # Panics
    /// Where it failed: an error reached a caller.
    pub fn finish(mut self) -> Vec<String> {
        drop(self.input.take());
        let status = self.child.wait().expect("the process ends");
        let (lines, errors) = self.collect();
        assert!(status.success(), "a test process failed ({status}): {errors}");
        lines
    }

    fn collect(&mut self) -> (Vec<String>, String) {
        self.seen.extend(self.lines.iter());
        let errors = self.errors.take().expect("collected once").join().expect("the reader ends");
        (std::mem::take(&mut self.seen), errors)
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        // Already gone after `kill` and `finish`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
