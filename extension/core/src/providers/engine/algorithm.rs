//! The primitives that make and check a signature.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};

use super::digest::{Digest, Hash};
use super::encoding::{KeyForm, base64_forgiving, without_armour, without_version};
use crate::error::{Error, Result};

/// How a signature is made.
#[derive(Debug, Clone, Copy)]
pub enum Algorithm {
    /// HMAC with a shared secret.
    Hmac(Hash),
    /// Ed25519: the secrets are public keys, 32 bytes or SubjectPublicKeyInfo DER.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, signatures in DER: the secrets are public keys, SubjectPublicKeyInfo DER.
    EcdsaP256,
}

/// What a signature over certain bytes must satisfy for one secret.
pub enum Expected {
    /// Be this digest.
    Digest(Digest),
    /// Verify under this key.
    Ed25519(VerifyingKey, Vec<u8>),
    /// Verify under this key.
    EcdsaP256(p256::ecdsa::VerifyingKey, Digest),
}

impl Algorithm {
    /// The name in texts for people.
    pub fn title(self) -> String {
        match self {
            Algorithm::Hmac(hash) => format!("HMAC-{}", hash.title()),
            Algorithm::Ed25519 => "Ed25519".into(),
            Algorithm::EcdsaP256 => "ECDSA P-256 with SHA-256".into(),
        }
    }

    /// What a signature over `parts` must satisfy; `None` where the secret is no key of this algorithm.
    pub fn expect(self, form: KeyForm, secret: &str, parts: &[&[u8]]) -> Option<Expected> {
        let key = form.key(secret)?;
        Some(match self {
            Algorithm::Hmac(hash) => Expected::Digest(hash.hmac(&key, parts)),
            Algorithm::Ed25519 => {
                let key = match key.as_slice().try_into() {
                    Ok(point) => VerifyingKey::from_bytes(point).ok()?,
                    Err(_) => VerifyingKey::from_public_key_der(&key).ok()?,
                };
                Expected::Ed25519(key, parts.concat())
            }
            Algorithm::EcdsaP256 => {
                let key = p256::PublicKey::from_public_key_der(&key).ok()?;
                Expected::EcdsaP256(key.into(), Hash::Sha256.digest(parts))
            }
        })
    }

    /// The signature over `parts`. For the asymmetric algorithms the secret is the private key, in hex or base64: an Ed25519 seed of 32 bytes
    /// (also followed by its public key, or in PKCS#8), or a P-256 scalar of 32 bytes or PKCS#8 DER.
    pub fn sign(self, form: KeyForm, secret: &str, parts: &[&[u8]]) -> Result<Vec<u8>> {
        match self {
            Algorithm::Hmac(hash) => {
                let key = form.key(secret).ok_or_else(|| Error::invalid("the secret is not in the form that this provider uses"))?;
                Ok(hash.hmac(&key, parts).bytes().to_vec())
            }
            Algorithm::Ed25519 => {
                let invalid = || Error::invalid("the secret is no Ed25519 private key; give its 32-byte seed in hex or base64");
                let key = private_key(secret).ok_or_else(invalid)?;
                let key = match key.len() {
                    32 | 64 => SigningKey::from_bytes(key[..32].try_into().expect("32 bytes")),
                    _ => SigningKey::from_pkcs8_der(&key).map_err(|_| invalid())?,
                };
                Ok(key.sign(&parts.concat()).to_bytes().to_vec())
            }
            Algorithm::EcdsaP256 => {
                let invalid =
                    || Error::invalid("the secret is no P-256 private key; give PKCS#8 DER or the 32-byte scalar, in hex or base64");
                let key = private_key(secret).ok_or_else(invalid)?;
                let key = match key.len() {
                    32 => p256::SecretKey::from_slice(&key).map_err(|_| invalid())?,
                    _ => p256::SecretKey::from_pkcs8_der(&key).map_err(|_| invalid())?,
                };
                let digest = Hash::Sha256.digest(parts);
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::SigningKey::from(key).sign_prehash(digest.bytes()).map_err(|_| invalid())?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    }
}

impl Expected {
    /// Whether this is the signature.
    pub fn accepts(&self, signature: &[u8]) -> bool {
        match self {
            Expected::Digest(digest) => digest.matches(signature),
            // Strict: refuses the second spellings of a signature that Ed25519 would otherwise have.
            Expected::Ed25519(key, message) => {
                ed25519_dalek::Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
            Expected::EcdsaP256(key, digest) => {
                p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify_prehash(digest.bytes(), &signature).is_ok())
            }
        }
    }
}

/// The bytes of a private key: hex where it is all hex, else base64; PEM armour and prefixes such as `whsk_` are stripped.
fn private_key(secret: &str) -> Option<Vec<u8>> {
    let body = without_armour(secret);
    let body = without_version(&body);
    let body = body.strip_prefix("whsk_").unwrap_or(body);
    hex::decode(body).ok().or_else(|| base64_forgiving(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, 7.1, test 2.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str =
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    #[test]
    fn ed25519_of_the_rfc() {
        let signature = Algorithm::Ed25519.sign(KeyForm::Hex, SEED, &[&[0x72]]).unwrap();
        assert_eq!(hex::encode(&signature), SIGNATURE);
        assert!(Algorithm::Ed25519.expect(KeyForm::Hex, PUBLIC, &[&[0x72]]).unwrap().accepts(&signature));
        assert!(!Algorithm::Ed25519.expect(KeyForm::Hex, PUBLIC, &[&[0x73]]).unwrap().accepts(&signature));
    }

    #[test]
    fn ed25519_takes_keys_in_der() {
        let spki = format!("302a300506032b6570032100{PUBLIC}");
        let first_version = format!("302e020100300506032b657004220420{SEED}");
        // RFC 8410 and RFC 5958: the second version has the public key too.
        let second_version = format!("3051020101300506032b657004220420{SEED}812100{PUBLIC}");
        for private in [first_version.clone(), second_version, format!("{SEED}{PUBLIC}")] {
            let signature = Algorithm::Ed25519.sign(KeyForm::Hex, &private, &[&[0x72]]).unwrap();
            assert_eq!(hex::encode(&signature), SIGNATURE);
            assert!(Algorithm::Ed25519.expect(KeyForm::Hex, &spki, &[&[0x72]]).unwrap().accepts(&signature));
        }
        // Of another algorithm, and one with something behind it.
        for public in [spki.replace("2b6570", "2b656e"), format!("{spki}00")] {
            assert!(Algorithm::Ed25519.expect(KeyForm::Hex, &public, &[b"x"]).is_none(), "{public}");
        }
        assert!(Algorithm::Ed25519.sign(KeyForm::Hex, &first_version.replace("2b6570", "2b656e"), &[b"x"]).is_err());
    }

    #[test]
    fn ed25519_refuses_a_second_spelling_and_weak_keys() {
        let expected = Algorithm::Ed25519.expect(KeyForm::Hex, PUBLIC, &[&[0x72]]).unwrap();
        // S + L, which a lax verifier takes for the same signature.
        let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let mut malleable = hex::decode(SIGNATURE).unwrap();
        let mut carry = 0u16;
        for (byte, add) in malleable[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        assert!(!expected.accepts(&malleable));
        assert!(!expected.accepts(&hex::decode(&SIGNATURE[..126]).unwrap()));
        // The neutral element as the key would verify a signature of nothing.
        let mut weak = [0u8; 32];
        weak[0] = 1;
        let mut forged = [0u8; 64];
        forged[0] = 1;
        if let Some(expected) = Algorithm::Ed25519.expect(KeyForm::Hex, &hex::encode(weak), &[b"x"]) {
            assert!(!expected.accepts(&forged));
        }
    }

    #[test]
    fn p256_takes_der_only() {
        let secret = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
        let signature = Algorithm::EcdsaP256.sign(KeyForm::Text, secret, &[b"sam", b"ple"]).unwrap();
        let public = concat!(
            "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
        );
        let expected = Algorithm::EcdsaP256.expect(KeyForm::Hex, public, &[b"sample"]).unwrap();
        assert!(expected.accepts(&signature));
        // RFC 6979, A.2.5: r for SHA-256 and "sample" begins with EFD4.
        assert_eq!(hex::encode(&signature)[..14], *"3046022100efd4");
        let raw = p256::ecdsa::Signature::from_der(&signature).unwrap().to_bytes();
        assert!(!expected.accepts(&raw));
        assert!(!expected.accepts(&[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]));
        assert!(Algorithm::EcdsaP256.expect(KeyForm::Text, "no key", &[]).is_none());
    }
}
