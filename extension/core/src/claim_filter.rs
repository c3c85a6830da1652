//! What a claim is asked for: the jobs of which endpoints, and for whom.

use std::cell::RefCell;
use std::sync::Arc;

use crate::arguments::Arguments;
use crate::endpoint::queue_name;
use crate::error::{Error, Result};
use crate::forms::{Kind, form};

form! {
    /// Which jobs a worker takes.
    CLAIM_FILTER = "ClaimFilter" {
        /// Those of these endpoints; left out: of all.
        "endpoints": Kind::Texts;
    }
}

form! {
    /// Whose next claim is asked about.
    DUE_FILTER = "DueFilter" {
        /// Those of these endpoints; left out: of all.
        "endpoints": Kind::Texts;
        /// The name of the worker; left out: of one that holds nothing.
        "worker": Kind::Text;
    }
}

/// Which endpoints a worker takes jobs of; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimFilter {
    /// The queues of those endpoints, sorted.
    queues: Option<Vec<String>>,
}

impl ClaimFilter {
    /// Jobs of these endpoints.
    pub fn of<'n>(endpoints: impl IntoIterator<Item = &'n str>) -> Self {
        let mut queues: Vec<String> = endpoints.into_iter().map(queue_name).collect();
        queues.sort_unstable();
        queues.dedup();
        Self { queues: Some(queues) }
    }

    /// Reads `{"endpoints": […]}`.
    pub fn parse(json: &str) -> Result<Self> {
        Self::read(&Arguments::parse("filter", json, &CLAIM_FILTER)?)
    }

    fn read(given: &Arguments) -> Result<Self> {
        Ok(given.texts("endpoints")?.map_or_else(Self::default, |names| Self::of(names.iter().map(String::as_str))))
    }

    /// The names of the queues in their order; `None` for every one.
    pub(crate) fn queues(&self) -> Option<&[String]> {
        self.queues.as_deref()
    }
}

/// What `next_due` is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueFilter {
    /// Which endpoints.
    pub claim: ClaimFilter,
    /// Whose claim; `None` for a worker that holds nothing.
    pub worker: Option<String>,
}

impl DueFilter {
    /// Reads `{"endpoints": […], "worker": …}`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("filter", json, &DUE_FILTER)?;
        let worker = given.text("worker")?;
        worker.as_deref().map(check_worker).transpose()?;
        Ok(Self { claim: ClaimFilter::read(&given)?, worker })
    }
}

/// The last of some texts that was read, with what it says: a worker gives the same one with every call, and it may name thousands of endpoints.
#[derive(Debug)]
pub(crate) struct LastRead<T>(RefCell<Option<(String, Arc<T>)>>);

impl<T> Default for LastRead<T> {
    fn default() -> Self {
        Self(RefCell::new(None))
    }
}

impl<T> LastRead<T> {
    /// What the text says, read by `parse` unless it is the last one again.
    pub fn read(&self, text: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Arc<T>> {
        if let Some((last, value)) = &*self.0.borrow()
            && last == text
        {
            return Ok(value.clone());
        }
        let value = Arc::new(parse(text)?);
        *self.0.borrow_mut() = Some((text.to_owned(), value.clone()));
        Ok(value)
    }
}

pub(crate) fn check_worker(worker: &str) -> Result<()> {
    if worker.is_empty() || worker.len() > 255 {
        return Err(Error::invalid("worker: must be a name of 1 to 255 bytes, different for each worker"));
    }
    Ok(())
}
