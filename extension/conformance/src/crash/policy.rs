//! How a process treats its file: as the packages do, or in one of the wrong ways that the simulator must tell apart.

use std::str::FromStr;

/// What a process does about syncs, answers and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everything that is answered is synced; after an I/O error nothing is answered until a checkpoint has emptied the write-ahead log.
    Sound,
    /// Receives commit without a sync.
    NormalReceives,
    /// The sender is answered before the COMMIT.
    AnswerFirst,
    /// The handler's rows are committed before the verdict.
    VerdictApart,
    /// Claims commit without a sync, checkpoints run unwatched, and an I/O error is an error of the one call.
    Unconcerned,
    /// As the sound one, but its checkpoints stop where others read or write: SQLite takes the pages of such a one for copied before any sync,
    /// and a later checkpoint whose sync fails does not copy them again.
    PartialCheckpoints,
    /// Claims are synced and checkpoints watched, but an I/O error is an error of the one call.
    GoesOn,
}

/// Each with its name on the command line.
pub const POLICIES: [(Policy, &str); 7] = [
    (Policy::Sound, "sound"),
    (Policy::NormalReceives, "normal-receives"),
    (Policy::AnswerFirst, "answer-first"),
    (Policy::VerdictApart, "verdict-apart"),
    (Policy::Unconcerned, "unconcerned"),
    (Policy::PartialCheckpoints, "partial-checkpoints"),
    (Policy::GoesOn, "goes-on"),
];

impl Policy {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        POLICIES.iter().find(|(policy, _)| *policy == self).expect("each has a name").1
    }

    /// What the connection that receives sets.
    pub fn receives(self) -> &'static str {
        if self == Self::NormalReceives { "NORMAL" } else { "FULL" }
    }

    /// What the connection that claims sets.
    pub fn claims(self) -> &'static str {
        if self == Self::Unconcerned { "NORMAL" } else { "FULL" }
    }

    /// Whether the process runs checkpoints itself, and believes none that failed.
    pub fn watches_checkpoints(self) -> bool {
        self != Self::Unconcerned
    }

    /// How it runs the checkpoints that are due.
    pub fn checkpoints(self) -> &'static str {
        if self == Self::PartialCheckpoints { "PASSIVE" } else { "FULL" }
    }

    /// Whether an I/O error stops all work until a checkpoint has emptied the write-ahead log.
    pub fn stops_on_error(self) -> bool {
        !matches!(self, Self::Unconcerned | Self::GoesOn)
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        POLICIES.iter().find(|(_, known)| *known == name).map(|(policy, _)| *policy).ok_or_else(|| format!("there is no policy {name:?}"))
    }
}
