//! How bytes are written in headers and secrets.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};

/// Secrets are typed and pasted by people, so padding is optional there. Signatures come from machines and must be canonical.
const FORGIVING: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// How a signature is written.
#[derive(Debug, Clone, Copy)]
pub enum Encoding {
    /// Lower-case hex, as every provider writes it.
    Hex,
    /// Hex in either case: for senders that we do not know, and for those whose own library reads both.
    HexAnyCase,
    /// The standard alphabet with padding.
    Base64,
}

impl Encoding {
    /// The name in texts for people.
    pub fn title(self) -> &'static str {
        match self {
            Encoding::Hex | Encoding::HexAnyCase => "hex",
            Encoding::Base64 => "base64",
        }
    }

    /// The encoding that the option `encoding` names.
    pub fn from_option(name: &str) -> Self {
        if name == "base64" { Encoding::Base64 } else { Encoding::HexAnyCase }
    }

    /// The bytes, or `None` where the text is not in this encoding's canonical form.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex if text.bytes().any(|byte| byte.is_ascii_uppercase()) => None,
            // Into bytes that are there already: hex::decode() collects them one after the other.
            Encoding::Hex | Encoding::HexAnyCase => {
                let mut bytes = vec![0; text.len() / 2];
                hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
            }
            Encoding::Base64 => STANDARD.decode(text).ok(),
        }
    }

    /// The text.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Hex | Encoding::HexAnyCase => hex::encode(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// How a secret becomes a key.
#[derive(Debug, Clone, Copy)]
pub enum KeyForm {
    /// The characters themselves.
    Text,
    /// Base64 after an optional prefix such as `whsec_`.
    Base64 {
        /// Stripped where it is there.
        prefix: &'static str,
    },
    /// Base64 after a prefix that must be there, for secrets of several kinds in one list.
    Base64After(&'static str),
    /// Hex in either case.
    Hex,
    /// A public key in base64, with or without PEM armour.
    Pem,
}

impl KeyForm {
    /// The form that the option `secret_encoding` names.
    pub fn from_option(name: &str) -> Self {
        match name {
            "base64" => KeyForm::Base64 { prefix: "" },
            "hex" => KeyForm::Hex,
            _ => KeyForm::Text,
        }
    }

    /// The key, or `None` where the secret is not in this form or is empty: an empty key would let anybody sign. So would one of NUL bytes,
    /// since HMAC fills a short key up with them.
    pub fn key(self, secret: &str) -> Option<Vec<u8>> {
        let key = match self {
            KeyForm::Text => secret.as_bytes().to_vec(),
            KeyForm::Base64 { prefix } => {
                let bare = if prefix.is_empty() { secret } else { without_version(secret) };
                FORGIVING.decode(bare.strip_prefix(prefix).unwrap_or(secret)).ok()?
            }
            KeyForm::Base64After(prefix) => FORGIVING.decode(without_version(secret).strip_prefix(prefix)?).ok()?,
            KeyForm::Hex => hex::decode(secret).ok()?,
            KeyForm::Pem => FORGIVING.decode(without_armour(secret)).ok()?,
        };
        key.iter().any(|byte| *byte != 0).then_some(key)
    }
}

/// The secret without the version of its signatures, which some senders hand out with it: `v1,whsec_…`.
pub fn without_version(secret: &str) -> &str {
    match secret.split_once(',') {
        Some(("v1" | "v1a", rest)) if rest.starts_with("whsec_") || rest.starts_with("whpk_") || rest.starts_with("whsk_") => rest,
        _ => secret,
    }
}

/// The base64 of a PEM text, or of one that lost its armour.
pub fn without_armour(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect()
}

/// Decodes base64 with or without padding: keys and credentials, not signatures.
pub fn base64_forgiving(text: &str) -> Option<Vec<u8>> {
    FORGIVING.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_have_one_spelling() {
        assert_eq!(Encoding::Hex.decode("0aff"), Some(vec![10, 255]));
        assert_eq!(Encoding::Hex.decode("0AFF"), None);
        assert_eq!(Encoding::HexAnyCase.decode("0AFF"), Some(vec![10, 255]));
        assert_eq!(Encoding::Base64.decode("AQ=="), Some(vec![1]));
        assert_eq!(Encoding::Base64.decode("AQ"), None);
        assert_eq!(Encoding::Base64.decode("AR=="), None, "stray bits would make a second spelling");
    }

    #[test]
    fn an_empty_key_is_no_key() {
        let form = KeyForm::Base64 { prefix: "whsec_" };
        assert_eq!(form.key("whsec_"), None);
        assert_eq!(form.key("whsec_AQ"), Some(vec![1]));
        assert_eq!(form.key("AQ=="), Some(vec![1]));
        assert_eq!(form.key("v1,whsec_AQ=="), Some(vec![1]));
        assert_eq!(KeyForm::Base64After("whpk_").key("v1a,whpk_AQ=="), Some(vec![1]));
        for other in ["v1,AQ==", "v2,whsec_AQ==", "v1,v1,whsec_AQ=="] {
            assert_eq!(form.key(other), None, "{other}");
        }
        assert_eq!(form.key("whsec_not base64"), None);
        assert_eq!(KeyForm::Text.key(""), None);
        assert_eq!(form.key("whsec_AAAAAAAA"), None, "an empty key once HMAC has filled it up");
        assert_eq!(KeyForm::Hex.key("0000"), None);
    }
}
