//! The types that a provider's events have: what a handler is registered for.

/// Types of events, in the provider's spelling.
#[derive(Clone, Copy)]
pub(crate) enum Types {
    /// Some of many; the provider's documentation has the others. None where the sender chooses them.
    Some(&'static [&'static str]),
    /// Every one that the provider documents, so that another is a slip. None where its events have no type.
    All(&'static [&'static str]),
}

impl Types {
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Types::Some(names) | Types::All(names) => names,
        }
    }

    pub fn are_all(self) -> bool {
        matches!(self, Types::All(_))
    }
}
