//! NKeys: Ed25519 keys in the letters that NATS writes them with, and the signature by which a user proves to have one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};

/// The first byte of a seed, and the kind of a user's key.
const SEED: u8 = 18 << 3;
const USER: u8 = 20 << 3;
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key of a user.
pub struct UserKey(SigningKey);

impl UserKey {
    /// Reads a seed, which begins with `SU`. None where it is not one.
    pub fn from_seed(text: &str) -> Option<Self> {
        let bytes = decode(text.trim())?;
        let (payload, check) = bytes.split_at_checked(34)?;
        let kind = (payload[0] & 7) << 5 | payload[1] >> 3;
        if check != crc16(payload).to_le_bytes() || payload[0] & 0xF8 != SEED || kind != USER {
            return None;
        }
        Some(Self(SigningKey::from_bytes(payload[2..].try_into().ok()?)))
    }

    /// The public key, which begins with `U`.
    pub fn public(&self) -> String {
        let mut bytes = vec![USER];
        bytes.extend_from_slice(self.0.verifying_key().as_bytes());
        bytes.extend_from_slice(&crc16(&bytes).to_le_bytes());
        encode(&bytes)
    }

    /// The signature of a server's nonce.
    pub fn sign(&self, nonce: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(nonce.as_bytes()).to_bytes())
    }
}

/// The JWT and the key of a credentials file: what stands between lines that begin and end it.
pub fn credentials(text: &str) -> Option<(String, UserKey)> {
    let block = |name: &str| {
        let mut lines = text.lines().map(str::trim).skip_while(|line| !(line.contains("BEGIN") && line.contains(name)));
        lines.next()?;
        lines.find(|line| !line.is_empty())
    };
    Some((block("JWT")?.to_owned(), UserKey::from_seed(block("SEED")?)?))
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

/// Base32 without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for letter in text.bytes() {
        bits = bits << 5 | LETTERS.iter().position(|&known| known == letter)? as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn encode(bytes: &[u8]) -> String {
    let (mut bits, mut count, mut text) = (0u32, 0, String::new());
    for &byte in bytes {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(LETTERS[(bits >> count) as usize & 31].into());
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(LETTERS[(bits << (5 - count)) as usize & 31].into());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(first: [u8; 2]) -> String {
        let mut bytes = first.to_vec();
        bytes.extend_from_slice(&[7; 32]);
        bytes.extend_from_slice(&crc16(&bytes).to_le_bytes());
        encode(&bytes)
    }

    #[test]
    fn a_seed_gives_the_key_of_a_user() {
        let of_a_user = seed([SEED | USER >> 5, USER << 3]);
        assert!(of_a_user.starts_with("SU") && of_a_user.len() == 58);
        let key = UserKey::from_seed(&of_a_user).unwrap();
        assert!(key.public().starts_with('U') && key.public().len() == 56);
        assert_eq!(decode(&key.public()).unwrap()[1..33], *key.0.verifying_key().as_bytes());
        assert_eq!(key.sign("nonce").len(), 86);
        let (jwt, again) = credentials(&format!(
            "-----BEGIN NATS USER JWT-----\neyJ0.x.y\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{of_a_user}\n------END USER NKEY SEED------\n"
        ))
        .unwrap();
        assert_eq!((jwt.as_str(), again.public()), ("eyJ0.x.y", key.public()));
    }

    #[test]
    fn what_is_no_seed_of_a_user_is_refused() {
        let right = seed([SEED | USER >> 5, USER << 3]);
        let swapped = right.replacen(&right[20..21], if &right[20..21] == "A" { "B" } else { "A" }, 1);
        for wrong in [seed([SEED, 0]), swapped, right.to_lowercase(), right[..50].to_owned(), String::new(), "not a seed".into()] {
            assert!(UserKey::from_seed(&wrong).is_none(), "{wrong}");
        }
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }
}
