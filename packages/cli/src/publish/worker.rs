//! The worker: claims events, hands them over, and marks those as handled that the other side has acknowledged.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use knocker_core::attempt::FailedOptions;
use knocker_core::claim::{ClaimFilter, DueFilter};
use knocker_core::store::system_now;
use knocker_core::{Code, Store};

use super::Message;
use super::outage::{self, Outage};
use super::report::Report;
use super::target::{Published, Readiness, Target};
use crate::failure::{Exit, Failure, Result};
use crate::file_id::FileId;
use crate::stop::Stop;

/// Between two looks whether anything was received.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Between two looks whether the file is still the one at the path.
const BETWEEN_FILE_LOOKS: Duration = Duration::from_secs(1);
/// Bodies that are in memory at once.
const MOST_BYTES: usize = 16 << 20;
/// The first pause after something did not work, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Events on their way out of a file.
pub struct Publisher<'a> {
    pub path: PathBuf,
    pub store: Store,
    pub target: Box<dyn Target>,
    /// Only events of these endpoints; empty for all.
    pub endpoints: Vec<String>,
    pub lease_s: i64,
    /// Whether to end once nothing is due.
    pub drain: bool,
    pub stop: &'a Stop,
    pub report: Report<'a>,
}

/// How a round went.
enum Round {
    /// Something was published or refused.
    Worked,
    /// Nothing was due.
    Idle,
    /// The target takes nothing now, for this reason.
    Away(String),
}

impl Publisher<'_> {
    /// Works until it is asked to end, or nothing is due where it drains.
    pub fn run(mut self) -> Result {
        let worker = format!("publish:{}:{}", std::process::id(), system_now());
        let result = self.work(&worker);
        // Whatever ended it: what is still leased waits for nobody, and no attempt is used up.
        let released = self.store.release(&worker, system_now());
        result?;
        released?;
        self.report.conclude()
    }

    fn work(&mut self, worker: &str) -> Result {
        let filter = match self.endpoints.as_slice() {
            [] => ClaimFilter::default(),
            names => ClaimFilter::of(names.iter().map(String::as_str)),
        };
        let due = DueFilter { claim: filter.clone(), worker: Some(worker.to_owned()) };
        let mut pause = FIRST_PAUSE;
        let mut away = false;
        let mut told = false;
        while !self.stop.asked() {
            // After an outage one event is enough to see whether it is over.
            let limit = if away { 1 } else { self.target.at_once() };
            let round = match self.target.ready()? {
                Readiness::Away(reason) => Ok(Round::Away(reason)),
                Readiness::Ready => {
                    if !std::mem::replace(&mut told, true) {
                        self.report.begins(&*self.target, &self.endpoints)?;
                    }
                    self.round(worker, limit, &filter)
                }
            };
            match round {
                Ok(Round::Worked) => {
                    pause = FIRST_PAUSE;
                    if std::mem::replace(&mut away, false) || self.report.is_first() {
                        let since = outage::ended(&self.store, self.target.name(), &self.endpoints)?;
                        self.report.is_back(self.target.name(), since)?;
                    }
                }
                Ok(Round::Idle) if self.drain => return Ok(()),
                Ok(Round::Idle) => self.wait(&due)?,
                Ok(Round::Away(reason)) => {
                    self.gives_back(worker, reason, &mut away)?;
                    if self.drain {
                        let message = format!("{} cannot be published to; the events wait in the file", self.target.name());
                        return Err(Failure::new(Exit::Retry, message, "Run the same command again once it is back."));
                    }
                    self.stop.pause(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                // Another program writes for long. What is leased stays so, and is published again, which the target knows.
                Err(failure) if failure.exit == Exit::Retry => {
                    self.report.trouble(&failure)?;
                    self.stop.pause(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Claims, publishes and settles what can be claimed now.
    fn round(&mut self, worker: &str, limit: i64, filter: &ClaimFilter) -> Result<Round> {
        self.store.claim(worker, limit, self.lease_s, filter, system_now())?;
        let jobs: Vec<i64> = {
            let mut statement = self.store.conn().prepare_cached("SELECT job_id FROM knocker_jobs WHERE worker = ?1 ORDER BY job_id")?;
            let jobs = statement.query_map([worker], |row| row.get(0))?;
            jobs.collect::<rusqlite::Result<_>>()?
        };
        if jobs.is_empty() {
            return Ok(Round::Idle);
        }
        let mut jobs = jobs.into_iter().peekable();
        while jobs.peek().is_some() {
            let mut messages = Vec::new();
            let mut bytes = 0;
            while bytes < MOST_BYTES
                && messages.len() < limit as usize
                && let Some(job) = jobs.next()
            {
                if let Some(message) = Message::load(&self.store, worker, job)? {
                    bytes += message.body.len();
                    messages.push(message);
                }
            }
            if let Some(reason) = self.hand_over(worker, messages)? {
                return Ok(Round::Away(reason));
            }
        }
        Ok(Round::Worked)
    }

    /// Publishes some and settles each; gives the reason where the target takes nothing any more.
    fn hand_over(&mut self, worker: &str, messages: Vec<Message>) -> Result<Option<String>> {
        let jobs: Vec<(i64, i64)> = messages.iter().map(|message| (message.job_id, message.event_id)).collect();
        let started = Instant::now();
        let published = self.target.publish(messages);
        let took_ms = started.elapsed().as_millis() as i64;
        let now = system_now();
        self.store.atomic(|| {
            for (&(job, _), published) in jobs.iter().zip(&published) {
                let settled = match published {
                    Published::Taken { .. } => self.store.handled(job, worker, took_ms, now),
                    Published::Refused(why) => self.store.failed(job, worker, why, took_ms, &FailedOptions::default(), now).map(drop),
                    Published::Away(_) => Ok(()),
                };
                // An operator has taken it, or another publisher, after the lease: that one settles it.
                match settled {
                    Err(error) if error.code() == Code::LeaseLost => {}
                    settled => settled?,
                }
            }
            Ok(())
        })?;
        self.report.published(&jobs, &published, took_ms)?;
        Ok(published.into_iter().find_map(|published| match published {
            Published::Away(reason) => Some(reason),
            _ => None,
        }))
    }

    /// The target is away: the events go back into the queue as they were.
    fn gives_back(&mut self, worker: &str, reason: String, away: &mut bool) -> Result {
        let now = system_now();
        self.store.release(worker, now)?;
        let first = !std::mem::replace(away, true);
        let (target, endpoints) = (self.target.name().to_owned(), self.endpoints.clone());
        if self.report.is_away(&target, &reason, first)? {
            outage::began(&self.store, &Outage { target, endpoints, away_since: now, reason })?;
        }
        Ok(())
    }

    /// Waits until something is due, was received, or the command is asked to end.
    fn wait(&mut self, due: &DueFilter) -> Result {
        let store = &self.store;
        let version = || store.conn().pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0));
        // Asked before what is due: what is committed between the two is seen.
        let seen = version()?;
        let file = FileId::of(&self.path);
        let wait = self.store.next_due(due, system_now())?.map(|ms| Duration::from_millis(ms as u64));
        let started = Instant::now();
        let mut looked = started;
        while !self.stop.asked() && wait.is_none_or(|wait| started.elapsed() < wait) && version()? == seen {
            std::thread::sleep(BETWEEN_LOOKS);
            if looked.elapsed() >= BETWEEN_FILE_LOOKS {
                looked = Instant::now();
                self.target.tend();
                if FileId::of(&self.path) != file {
                    let message = format!("{} was removed or replaced", self.path.display());
                    return Err(Failure::new(Exit::Retry, message, "Start it again: it goes on with the file that is there now."));
                }
            }
        }
        Ok(())
    }
}
