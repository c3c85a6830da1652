//! How measurements are taken and printed.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Which side of the bound is good.
#[derive(Clone, Copy)]
pub enum Bound {
    /// The ratio should be at least this.
    AtLeast(f64),
    /// The ratio should be at most this.
    AtMost(f64),
    /// It is measured to be known, and nothing is wanted of it.
    Nothing,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Bound::AtLeast(least) => write!(f, ">= {least}"),
            Bound::AtMost(most) => write!(f, "<= {most}"),
            Bound::Nothing => Ok(()),
        }
    }
}

/// Collects rows and says at the end which bounds were missed.
pub struct Report {
    missed: Vec<String>,
}

impl Report {
    pub fn new() -> Self {
        heading();
        Self { missed: Vec::new() }
    }

    /// The heading again, below something else that was printed.
    pub fn go_on(&self) {
        println!();
        heading();
    }

    /// A row with both figures, the ratio and its bound.
    pub fn row(&mut self, name: &str, ours: &str, theirs: &str, ratio: f64, bound: Bound) {
        println!("{}", self.line(name, ours, theirs, ratio, bound));
    }

    fn line(&mut self, name: &str, ours: &str, theirs: &str, ratio: f64, bound: Bound) -> String {
        let verdict = self.judge(name, ratio, bound);
        format!("{name:<66} {ours:>12} {theirs:>12} {ratio:>7.2}  {bound} {verdict}").trim_end().to_owned()
    }

    /// What was measured, in words, with its bound where it has one.
    pub fn said(&mut self, words: &str, name: &str, figure: f64, bound: Bound) -> String {
        match bound {
            Bound::Nothing => words.to_owned(),
            bound => format!("{words}, {bound} {}", self.judge(name, figure, bound)),
        }
    }

    /// Compares a ratio with its bound, and remembers a miss for the end.
    pub fn judge(&mut self, name: &str, ratio: f64, bound: Bound) -> &'static str {
        let met = match bound {
            Bound::AtLeast(least) => ratio >= least,
            Bound::AtMost(most) => ratio <= most,
            Bound::Nothing => return "",
        };
        if met {
            return "met";
        }
        self.missed.push(format!("{name}: {ratio:.2}, wanted {bound}"));
        "MISSED"
    }

    /// Fails where a bound was missed.
    pub fn finish(self) -> ExitCode {
        if self.missed.is_empty() {
            println!("\nEvery bound was met.");
            return ExitCode::SUCCESS;
        }
        println!("\nMissed:\n  {}", self.missed.join("\n  "));
        ExitCode::FAILURE
    }
}

fn heading() {
    println!("{:<66} {:>12} {:>12} {:>7}  bound", "", "knocker", "baseline", "ratio");
}

/// Microseconds for a reader.
pub fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}

/// The median time of one operation on each side, from alternating rounds of `operations` each.
pub fn alternate(rounds: usize, operations: u32, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (Duration, Duration) {
    let time = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed() / operations
    };
    time(&mut ours);
    time(&mut theirs);
    let pairs: Vec<_> = (0..rounds).map(|_| (time(&mut ours), time(&mut theirs))).collect();
    (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)))
}

/// The shortest time of one operation on each side, from alternating rounds of `operations` each: a machine that does other things too only makes
/// rounds longer.
pub fn alternate_fastest(rounds: usize, operations: u32, mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (Duration, Duration) {
    let time = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..operations).for_each(|_| work());
        start.elapsed() / operations
    };
    let fastest = (Duration::MAX, Duration::MAX);
    (0..rounds).fold(fastest, |(ours_best, theirs_best), _| (ours_best.min(time(&mut ours)), theirs_best.min(time(&mut theirs))))
}

/// The middle one.
pub fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// How often `ours` fits into `theirs`: above 1 we are faster.
pub fn throughput_ratio(ours: Duration, theirs: Duration) -> f64 {
    theirs.as_secs_f64() / ours.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_its_bound_and_whether_it_was_met() {
        let mut report = Report { missed: Vec::new() };
        assert!(report.line("receive", "4 us", "2 us", 0.5, Bound::AtLeast(0.8)).ends_with("    0.50  >= 0.8 MISSED"));
        assert!(report.line("claim", "4 us", "2 us", 2.0, Bound::AtMost(2.0)).ends_with("    2.00  <= 2 met"));
        assert_eq!(report.missed, ["receive: 0.50, wanted >= 0.8"]);
    }

    #[test]
    fn what_has_no_bound_says_none() {
        let mut report = Report { missed: Vec::new() };
        assert!(report.line("by hand", "4 us", "2 us", 0.5, Bound::Nothing).ends_with("    0.50"));
        assert_eq!(report.said("receive by hand: 10.82 pages", "pages", 10.82, Bound::Nothing), "receive by hand: 10.82 pages");
        assert_eq!(report.said("receive: 10.82 pages", "pages", 10.82, Bound::AtMost(11.0)), "receive: 10.82 pages, <= 11 met");
        assert!(report.missed.is_empty());
    }
}
