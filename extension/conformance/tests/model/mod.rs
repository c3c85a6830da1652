//! What the design says of events, leases and attempts, in plain Rust that looks at every event each time.

/// Attempts that the endpoint allows.
pub const MAX_ATTEMPTS: i64 = 3;
/// A lease or a due time further off than these comes from a clock that was ahead.
const FURTHEST_LEASE_S: i64 = 86_400 + 60;
const FURTHEST_DUE_S: i64 = 2_592_000 + 259_200 + 60;
/// How long a suspect waits for a worker to come free, and how long at most.
const PATIENCE_S: std::ops::RangeInclusive<i64> = 61..=600;

/// What an event's job is taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    Ordinary,
    Suspect,
    Alone,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    Handled,
    Skipped,
    Failed { retry_after_s: i64 },
    Dead,
    NoHandler,
}

/// What the design says of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    key: usize,
    pub status: &'static str,
    pub attempts: i64,
    pub max_attempts: i64,
    pub deliveries: i64,
    /// Place in the queue: when it is or was due, and the number of its job.
    pub due_s: i64,
    job: i64,
    lease: Option<(usize, i64)>,
    standing: Standing,
    pub history: Vec<&'static str>,
}

/// All events. `delays[event][attempt - 1]` is how long a failure waits, in seconds.
pub struct Model {
    pub events: Vec<Event>,
    jobs: i64,
    delays: Vec<Vec<i64>>,
}

impl Model {
    pub fn new(delays: Vec<Vec<i64>>) -> Self {
        Self { events: Vec::new(), jobs: 0, delays }
    }

    pub fn ingest(&mut self, key: usize, now: i64) {
        if let Some(event) = self.events.iter_mut().find(|event| event.key == key) {
            event.deliveries += 1;
            return;
        }
        self.jobs += 1;
        self.events.push(Event {
            key,
            status: "received",
            attempts: 0,
            max_attempts: MAX_ATTEMPTS,
            deliveries: 1,
            due_s: now,
            job: self.jobs,
            lease: None,
            standing: Standing::Ordinary,
            history: Vec::new(),
        });
    }

    /// Settles the leases that are over, then leases what is the worker's turn, in the order of the queue.
    pub fn claim(&mut self, worker: usize, limit: usize, lease_s: i64, now: i64) -> i64 {
        if limit == 0 {
            return 0;
        }
        let mut over: Vec<usize> = (0..self.events.len()).filter(|&index| self.events[index].is_over(now)).collect();
        over.sort_by_key(|&index| {
            let (_, until) = self.events[index].lease.unwrap();
            (until >= now, until, self.events[index].job)
        });
        for index in over {
            self.settle(index, now);
        }
        if self.events.iter().any(|event| event.standing != Standing::Ordinary && event.is_held_by(worker, now)) {
            return 0;
        }
        let ordinary = self.waiting(|standing| standing == Standing::Ordinary, now);
        if let Some(&suspect) = self.waiting(|standing| standing != Standing::Ordinary, now).first() {
            // One that is due too late to be true is due from now on.
            self.events[suspect].due_s = self.events[suspect].due_s.min(now);
            let waited_s = now - self.events[suspect].due_s;
            let place = |index: usize| (self.events[index].due_s, self.events[index].job);
            let is_first = ordinary.first().is_none_or(|&other| place(suspect) < place(other));
            let is_busy = self.events.iter().any(|event| event.is_held_by(worker, now));
            if !is_busy && (is_first || waited_s >= *PATIENCE_S.start()) {
                self.events[suspect].take(worker, now + lease_s, Standing::Alone);
                return 1;
            }
            if is_busy && PATIENCE_S.contains(&waited_s) {
                return 0;
            }
            if is_busy && waited_s > *PATIENCE_S.end() {
                self.mark_neighbours(suspect, worker);
                self.events[suspect].take(worker, now + lease_s, Standing::Suspect);
                return 1;
            }
        }
        for &index in ordinary.iter().take(limit) {
            self.events[index].take(worker, now + lease_s, Standing::Ordinary);
        }
        ordinary.len().min(limit) as i64
    }

    /// The waiting events that can be claimed, in the order of the queue; those that are due too late to be true come last.
    fn waiting(&self, wanted: impl Fn(Standing) -> bool, now: i64) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.events.len()).filter(|&index| self.events[index].is_due(now)).collect();
        found.retain(|&index| wanted(self.events[index].standing));
        found.sort_by_key(|&index| (self.events[index].due_s, self.events[index].job));
        found
    }

    /// Whether the worker holds others, which are suspects from now on.
    fn mark_neighbours(&mut self, index: usize, worker: usize) -> bool {
        let mut found = false;
        for (other, event) in self.events.iter_mut().enumerate() {
            if other != index && event.lease.is_some_and(|(holder, _)| holder == worker) && event.standing != Standing::Alone {
                event.standing = Standing::Suspect;
                found = true;
            }
        }
        found
    }

    /// The worker died: returns whether it held others.
    fn record_death(&mut self, index: usize) -> bool {
        let (worker, _) = self.events[index].lease.expect("a lease");
        let shared = match self.events[index].standing {
            Standing::Alone => false,
            Standing::Suspect => true,
            Standing::Ordinary => self.mark_neighbours(index, worker),
        };
        self.events[index].history.push("lease_expired");
        shared
    }

    fn settle(&mut self, index: usize, now: i64) {
        let shared = self.record_death(index);
        let event = &mut self.events[index];
        let (_, until) = event.lease.take().expect("a lease");
        if shared && event.max_attempts < 2 * MAX_ATTEMPTS {
            event.max_attempts += 1;
        }
        if event.attempts >= event.max_attempts {
            event.status = "dead";
            return;
        }
        event.status = "failed";
        event.standing = Standing::Suspect;
        event.due_s = (until + 1).min(now) + self.delays[index][event.attempts as usize - 1];
    }

    /// Whether the lease was the worker's.
    pub fn verdict(&mut self, index: usize, worker: usize, verdict: Verdict, now: i64) -> bool {
        let Some(event) = self.events.get_mut(index).filter(|event| event.is_leased_to(worker)) else { return false };
        event.lease = None;
        event.standing = Standing::Ordinary;
        let exhausted = event.attempts >= event.max_attempts;
        (event.status, event.due_s) = match verdict {
            Verdict::Handled => ("handled", event.due_s),
            Verdict::Skipped => ("ignored", event.due_s),
            Verdict::Failed { retry_after_s } if !exhausted => ("failed", now + retry_after_s),
            Verdict::Failed { .. } | Verdict::Dead | Verdict::NoHandler => ("dead", event.due_s),
        };
        event.history.push(event.status);
        true
    }

    pub fn extend(&mut self, index: usize, worker: usize, lease_s: i64, now: i64) -> bool {
        let Some(event) = self.events.get_mut(index).filter(|event| event.is_leased_to(worker)) else { return false };
        event.lease = Some((worker, now + lease_s));
        true
    }

    pub fn release(&mut self, worker: usize, now: i64) -> i64 {
        let mut released = 0;
        for event in self.events.iter_mut().filter(|event| event.is_leased_to(worker) && !event.has_run_out(now)) {
            event.lease = None;
            event.attempts -= 1;
            event.status = if event.attempts == 0 { "received" } else { "failed" };
            if event.standing == Standing::Alone {
                event.standing = Standing::Suspect;
            }
            released += 1;
        }
        released
    }

    /// The new status, or none where the action does not leave the present one.
    pub fn operate(&mut self, index: usize, action: &str, force: bool, now: i64) -> Option<&'static str> {
        let leaves: &[&str] = match action {
            "replay" => &["handled", "failed", "dead", "ignored"],
            "requeue" => &["failed", "dead", "ignored"],
            _ => &["received", "failed", "dead", "ignored"],
        };
        // Nobody processes an event whose lease ran out: it failed, and only nobody has noticed yet.
        let event = self.events.get(index)?;
        let over = event.is_over(now);
        let status = if over { "failed" } else { event.status };
        let forced = force && ["received", "processing"].contains(&status);
        if !forced && !leaves.contains(&status) {
            return None;
        }
        if over {
            self.record_death(index);
        }
        let event = &mut self.events[index];
        if event.lease.take().is_some() && !over {
            event.history.push("failed");
        }
        event.standing = Standing::Ordinary;
        if action == "ignore" {
            event.status = "ignored";
        } else {
            self.jobs += 1;
            (event.status, event.attempts, event.max_attempts, event.due_s, event.job) = ("received", 0, MAX_ATTEMPTS, now, self.jobs);
        }
        Some(event.status)
    }

    /// When a claim of this worker has something to do, or of one that holds nothing.
    pub fn next_due(&self, worker: Option<usize>, now: i64) -> Option<i64> {
        let first = |times: Vec<i64>, furthest: i64| {
            let first = *times.iter().min()?;
            Some(if first > now && times.iter().any(|&at| at > now + furthest) { now } else { first })
        };
        let waiting = |wanted: fn(Standing) -> bool| {
            let found = self.events.iter().filter(|event| event.waits() && wanted(event.standing));
            first(found.map(|event| event.due_s).collect(), FURTHEST_DUE_S)
        };
        let ends = self.events.iter().filter_map(|event| event.lease).map(|(_, until)| until + 1).collect();
        let ends = first(ends, FURTHEST_LEASE_S + 1);
        let held: Vec<&Event> = self.events.iter().filter(|event| worker.is_some_and(|worker| event.is_held_by(worker, now))).collect();
        if held.iter().any(|event| event.standing != Standing::Ordinary) {
            return ends;
        }
        let suspect = waiting(|standing| standing != Standing::Ordinary);
        let next = match suspect {
            _ if held.is_empty() => waiting(|_| true),
            None => waiting(|_| true),
            Some(due) if now - due >= *PATIENCE_S.start() => Some(due + PATIENCE_S.end() + 1),
            Some(due) => waiting(|standing| standing == Standing::Ordinary).into_iter().chain([due + PATIENCE_S.end() + 1]).min(),
        };
        ends.into_iter().chain(next).min()
    }
}

impl Event {
    fn waits(&self) -> bool {
        ["received", "failed"].contains(&self.status)
    }

    fn is_due(&self, now: i64) -> bool {
        self.waits() && (self.due_s <= now || self.due_s > now + FURTHEST_DUE_S)
    }

    fn is_over(&self, now: i64) -> bool {
        self.has_run_out(now) || self.lease.is_some_and(|(_, until)| until > now + FURTHEST_LEASE_S)
    }

    fn has_run_out(&self, now: i64) -> bool {
        self.lease.is_some_and(|(_, until)| until < now)
    }

    /// As others see it.
    fn is_held_by(&self, worker: usize, now: i64) -> bool {
        self.is_leased_to(worker) && !self.is_over(now)
    }

    /// As the worker itself sees it, for as long as nobody has taken the job.
    fn is_leased_to(&self, worker: usize) -> bool {
        self.lease.is_some_and(|(holder, _)| holder == worker)
    }

    fn take(&mut self, worker: usize, until: i64, standing: Standing) {
        self.attempts += 1;
        self.status = "processing";
        self.lease = Some((worker, until));
        self.standing = standing;
    }
}
