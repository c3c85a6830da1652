//! Closed lists of words: an enum whose variants are texts in rows, results and arguments.

/// Declares one. Its texts are given, so that renaming a variant changes no file.
macro_rules! words {
    ( $(#[doc = $about:literal])+ $vis:vis enum $Name:ident { $( $(#[doc = $meaning:literal])+ $Variant:ident = $text:literal, )+ } ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $Name {
            $( $(#[doc = $meaning])+ $Variant, )+
        }

        #[allow(dead_code)]
        impl $Name {
            /// Every one.
            $vis const ALL: &'static [$Name] = &[$($Name::$Variant),+];
            /// Their texts.
            $vis const NAMES: &'static [&'static str] = &[$($text),+];

            /// Its text in rows, results and arguments.
            $vis const fn name(self) -> &'static str {
                match self { $($Name::$Variant => $text),+ }
            }

            /// What it means.
            $vis fn about(self) -> &'static str {
                match self { $($Name::$Variant => concat!($($meaning),+).trim()),+ }
            }

            /// The one of that text.
            $vis fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($Name::$Variant),)+ _ => None }
            }
        }

        impl rusqlite::types::FromSql for $Name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                let text = value.as_str()?;
                Self::from_name(text).ok_or_else(|| {
                    let unknown = format!(concat!(stringify!($Name), " has no {:?}"), text);
                    rusqlite::types::FromSqlError::Other(unknown.into())
                })
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_name(&text).ok_or_else(|| serde::de::Error::unknown_variant(&text, Self::NAMES))
            }
        }

        #[cfg(feature = "contract")]
        impl schemars::JsonSchema for $Name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words = [$(serde_json::json!({"const": $text, "description": concat!($($meaning),+).trim()})),+];
                schemars::json_schema!({"description": concat!($($about),+).trim(), "oneOf": words})
            }
        }
    };
}

pub(crate) use words;
