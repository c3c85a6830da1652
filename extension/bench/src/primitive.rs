//! The bare primitives that verification is measured against.

use std::hint::black_box;

use ed25519_dalek::{Signer as _, SigningKey as EdKey, Verifier as _};
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::{Signature, SigningKey as EcKey};

const KEY: [u8; 32] = [7; 32];

/// A way to sign.
#[derive(Clone, Copy)]
pub enum Primitive {
    HmacSha1,
    HmacSha256,
    HmacSha512,
    Ed25519,
    EcdsaP256,
}

/// Runs a primitive over bytes.
pub type Verification = Box<dyn Fn(&[u8])>;

/// The SHA-256 that names an occurrence without an id.
pub fn digest(body: &[u8]) {
    black_box(<sha2::Sha256 as sha2::Digest>::digest(body));
}

impl Primitive {
    /// The one that a provider's scheme names; `None` for a shared token.
    pub fn named_in(scheme: &str) -> Option<Self> {
        let known = [
            ("HMAC-SHA-512", Primitive::HmacSha512),
            ("HMAC-SHA-256", Primitive::HmacSha256),
            ("Standard Webhooks", Primitive::HmacSha256),
            ("HMAC-SHA-1", Primitive::HmacSha1),
            ("HMAC of option algorithm", Primitive::HmacSha256),
            ("Ed25519", Primitive::Ed25519),
            ("ECDSA P-256", Primitive::EcdsaP256),
        ];
        known
            .into_iter()
            .filter_map(|(name, primitive)| Some((scheme.find(name)?, primitive)))
            .min_by_key(|found| found.0)
            .map(|found| found.1)
    }

    pub fn is_hmac(self) -> bool {
        !matches!(self, Primitive::Ed25519 | Primitive::EcdsaP256)
    }

    pub fn title(self) -> &'static str {
        match self {
            Primitive::HmacSha1 => "HMAC-SHA-1",
            Primitive::HmacSha256 => "HMAC-SHA-256",
            Primitive::HmacSha512 => "HMAC-SHA-512",
            Primitive::Ed25519 => "Ed25519",
            Primitive::EcdsaP256 => "ECDSA P-256",
        }
    }

    /// What one verification with it does, keys and signature at hand.
    pub fn prepare(self, body: &[u8]) -> Verification {
        fn mac<M: Mac + KeyInit>(body: &[u8]) {
            let mut mac = <M as KeyInit>::new_from_slice(&KEY).expect("HMAC takes a key of any length");
            mac.update(body);
            black_box(mac.finalize());
        }
        match self {
            Primitive::HmacSha1 => Box::new(mac::<Hmac<sha1::Sha1>>),
            Primitive::HmacSha256 => Box::new(mac::<Hmac<sha2::Sha256>>),
            Primitive::HmacSha512 => Box::new(mac::<Hmac<sha2::Sha512>>),
            Primitive::Ed25519 => {
                let key = EdKey::from_bytes(&KEY);
                let signature = key.sign(body);
                Box::new(move |body| key.verifying_key().verify(body, &signature).expect("it is genuine"))
            }
            Primitive::EcdsaP256 => {
                let key = EcKey::from_slice(&KEY).expect("the key is in range");
                let signature: Signature = key.sign(body);
                Box::new(move |body| key.verifying_key().verify(body, &signature).expect("it is genuine"))
            }
        }
    }
}
