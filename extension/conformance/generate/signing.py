"""The primitives, from the standard library and the package cryptography."""

import base64
import hashlib
import hmac
import uuid
import zlib
from datetime import datetime, timezone

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
"""The Ed25519 key of RFC 8032, 7.1, test 2."""

_ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
ED25519_PUBLIC = _ED25519.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

_P256 = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
"""The key of RFC 6979, A.2.5."""
P256_PUBLIC = _P256.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
P256_OTHER_PUBLIC = (
    ec.derive_private_key(7, ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)


def mac(key, message, hash_name="sha256"):
    return hmac.new(key, message, hash_name).digest()


def sign_ed25519(message):
    return _ED25519.sign(message)


def sign_p256(message):
    return _P256.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def base64_text(data):
    return base64.b64encode(data).decode()


def named(data):
    """The key of an occurrence that has no identity."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def identity(text):
    """A UUID that is always the same for the same text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def seconds(now):
    return str(now // 1000)


def milliseconds(now):
    return str(now)


def iso8601(now):
    return datetime.fromtimestamp(now / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def packed(body):
    """The body as gzip, in one stored block: the same bytes with every library."""
    size = len(body).to_bytes(2, "little")
    block = b"\x01" + size + bytes(byte ^ 0xFF for byte in size) + body
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + block + zlib.crc32(body).to_bytes(4, "little") + len(body).to_bytes(4, "little")
