//! What a JSON argument may hold, as data: the parsers check with it, and `extension/contract/contract.json` says it to the packages.

/// A JSON argument: an object with these keys, each of which may be left out.
pub struct Form {
    /// Its name, the same in every language.
    pub name: &'static str,
    /// Its keys, in the order in which people read them.
    pub keys: &'static [Key],
    /// What it is for.
    #[cfg(feature = "contract")]
    pub about: &'static str,
}

/// One key of it.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is where it is left out.
    pub preset: Preset,
    /// What it says.
    #[cfg(feature = "contract")]
    pub about: &'static str,
}

/// What a key may be.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// Several texts, or one.
    Texts,
    /// True or false.
    Flag,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// A number from the first to the second.
    Number(f64, f64),
    /// Unix milliseconds, not before this.
    Time(i64),
    /// One of these; the name is that of the list.
    Choice(&'static str, &'static [&'static str]),
    /// One or several of these.
    Choices(&'static str, &'static [&'static str]),
    /// An object or a list of pairs.
    Headers,
    /// An object whose keys are a provider's options.
    Options,
    /// An object of this form.
    Part(&'static Form),
}

/// The value of a key that is left out.
#[derive(Clone, Copy)]
pub enum Preset {
    /// None, or what [`crate::settings`] says of a setting.
    Nothing,
    /// This number.
    Whole(i64),
    /// This text.
    Text(&'static str),
    /// These.
    Texts(&'static [&'static str]),
}

impl Form {
    /// The key of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Preset {
    /// The texts, where it is some.
    pub(crate) fn texts(self) -> Option<Vec<String>> {
        match self {
            Preset::Texts(texts) => Some(texts.iter().map(|&text| text.to_owned()).collect()),
            _ => None,
        }
    }
}

/// Declares a [`Form`]. The comments are what the contract says; the library does not carry them.
macro_rules! form {
    (
        $(#[doc = $about:literal])+
        $constant:ident = $name:literal {
            $( $(#[doc = $meaning:literal])+ $key:literal: $kind:expr $(, preset $preset:expr)?; )+
        }
    ) => {
        $(#[doc = $about])+
        pub(crate) static $constant: $crate::forms::Form = $crate::forms::Form {
            name: $name,
            keys: &[$(
                $crate::forms::Key {
                    name: $key,
                    kind: $kind,
                    preset: $crate::forms::form!(@preset $($preset)?),
                    #[cfg(feature = "contract")]
                    about: concat!($($meaning),+),
                }
            ),+],
            #[cfg(feature = "contract")]
            about: concat!($($about),+),
        };
    };
    (@preset) => { $crate::forms::Preset::Nothing };
    (@preset $preset:expr) => { $preset };
}

pub(crate) use form;
