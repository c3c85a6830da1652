//! Hashes, and the one comparison that every provider uses.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

/// A hash function.
#[derive(Debug, Clone, Copy)]
pub enum Hash {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

impl Hash {
    /// The name in texts for people.
    pub fn title(self) -> &'static str {
        match self {
            Hash::Sha1 => "SHA-1",
            Hash::Sha256 => "SHA-256",
            Hash::Sha512 => "SHA-512",
        }
    }

    /// The hash that the option `algorithm` names.
    pub fn from_option(name: &str) -> Self {
        match name {
            "sha1" => Hash::Sha1,
            "sha512" => Hash::Sha512,
            _ => Hash::Sha256,
        }
    }

    /// HMAC over the parts one after the other, without joining them first.
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Digest {
        fn run<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Digest {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
            for part in parts {
                mac.update(part);
            }
            Digest(mac.finalize().into_bytes().to_vec())
        }
        match self {
            Hash::Sha1 => run::<Hmac<Sha1>>(key, parts),
            Hash::Sha256 => run::<Hmac<Sha256>>(key, parts),
            Hash::Sha512 => run::<Hmac<Sha512>>(key, parts),
        }
    }

    /// The plain hash over the parts one after the other.
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        fn run<D: sha2::Digest>(parts: &[&[u8]]) -> Digest {
            let mut hasher = D::new();
            for part in parts {
                hasher.update(part);
            }
            Digest(hasher.finalize().to_vec())
        }
        match self {
            Hash::Sha1 => run::<Sha1>(parts),
            Hash::Sha256 => run::<Sha256>(parts),
            Hash::Sha512 => run::<Sha512>(parts),
        }
    }
}

/// What a signature or a token should be. It has no `==` and no `Debug`: [`Digest::matches`] is the only way to compare.
pub struct Digest(Vec<u8>);

impl Digest {
    /// What a shared token should be. Tokens are hashed, so that their length does not show in the time either.
    pub fn of_token(token: &str) -> Self {
        Hash::Sha256.digest(&[token.as_bytes()])
    }

    /// Whether `given` is these bytes in full length, in constant time.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_slice().ct_eq(given).into()
    }

    /// Whether `given` is the token that [`Digest::of_token`] took.
    pub fn matches_token(&self, given: &str) -> bool {
        self.matches(&Digest::of_token(given).0)
    }

    /// The bytes, to sign with or to name a body by.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The lower-case hex SHA-256 of the parts one after the other.
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    hex::encode(Hash::Sha256.digest(parts).bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_of_a_published_example() {
        let digest = Hash::Sha256.hmac(b"It's a Secret to Everybody", &[b"Hello, ", b"World!"]);
        assert_eq!(hex::encode(digest.bytes()), "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }

    /// Does not compile once a digest gets `==`: then both implementations apply and the name is ambiguous.
    #[test]
    fn a_digest_has_no_equality() {
        trait AmbiguousWithEquality<A> {
            fn hold() {}
        }
        impl<T> AmbiguousWithEquality<()> for T {}
        impl<T: PartialEq> AmbiguousWithEquality<u8> for T {}
        <Digest as AmbiguousWithEquality<_>>::hold();
    }

    #[test]
    fn only_the_full_length_matches() {
        let digest = Hash::Sha1.digest(&[b"abc"]);
        let bytes = digest.bytes().to_vec();
        assert!(digest.matches(&bytes));
        assert!(!digest.matches(&bytes[..19]));
        assert!(!digest.matches(&[bytes.as_slice(), b"\0"].concat()));
        assert!(!digest.matches(b""));
    }

    #[test]
    fn tokens_match_whole_and_by_case() {
        let expected = Digest::of_token("Token");
        assert!(expected.matches_token("Token"));
        assert!(!expected.matches_token("token"));
        assert!(!expected.matches_token("Toke"));
    }
}
