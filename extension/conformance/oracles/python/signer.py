"""A signer that knows nothing of Knocker: the scheme stands in the case, the primitives are Python's and `cryptography`'s."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from case import NOW_MS, Case, Request

PLACEHOLDER = re.compile(r"\{(timestamp|body|url|method|secret|form|signature|header:[\w-]+)\}")


def sign(case: Case, now_ms: int = NOW_MS) -> Request:
    """The request of the case as the provider would send it at `now_ms`."""
    spec, request = case.signer, case.request
    values = {
        "timestamp": timestamp(spec.get("timestamp", "s"), now_ms).encode(),
        "body": request.body,
        "url": request.url.encode(),
        "method": request.method.encode(),
        "secret": case.secret.encode(),
        "form": form(request),
    }

    def fill(template: str) -> bytes:
        parts = PLACEHOLDER.split(template)
        named = parts[1::2]
        filled = [request.header(name[7:]).encode() if name.startswith("header:") else values[name] for name in named]
        return b"".join(text.encode() + value for text, value in zip(parts[::2], [*filled, b""], strict=True))

    signature = mac(spec["mac"], key(case), fill(spec.get("over", "")))
    values["signature"] = encode(spec.get("encoding", "hex"), signature).encode()
    headers = {name: fill(text).decode() for name, text in spec["headers"].items() if text is not None}
    body = fill(spec["body"]) if "body" in spec else request.body
    return replace(request, body=body).with_headers(headers)


def timestamp(unit: str, now_ms: int) -> str:
    """The moment as the provider writes it."""
    if unit == "iso8601":
        return datetime.fromtimestamp(now_ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(now_ms if unit == "ms" else now_ms // 1000)


def form(request: Request) -> bytes:
    """The fields of a form, sorted by name and then value, each name and value once, without separators."""
    if "form" not in request.header("Content-Type"):
        return b""
    return "".join(name + value for name, value in sorted(set(parse_qsl(request.text, keep_blank_values=True)))).encode()


def key(case: Case) -> bytes:
    """The bytes that sign."""
    match case.signer.get("key", "text"):
        case "base64":
            return base64.b64decode(re.sub("^wh(sec|sk)_", "", case.key) + "==")
        case "hex":
            return bytes.fromhex(case.key)
        case "sha1":
            # Braintree: of the private key, which stands after the public one.
            return hashlib.sha1(case.key.rpartition("|")[2].encode()).digest()
        case _:
            return case.key.encode()


def mac(algorithm: str, secret: bytes, message: bytes) -> bytes:
    """The signature over `message`. A token signs nothing: it is the secret itself."""
    match algorithm:
        case "token":
            return secret
        case "sha256":
            return hashlib.sha256(message).digest()
        case "ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(secret[:32]).sign(message)
        case "ecdsa-p256":
            private = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
            return private.sign(message, ec.ECDSA(hashes.SHA256()))
        case _:
            return hmac.new(secret, message, algorithm.removeprefix("hmac-")).digest()


def encode(encoding: str, signature: bytes) -> str:
    """The signature as text."""
    match encoding:
        case "hex":
            return signature.hex()
        case "upper-case hex":
            return signature.hex().upper()
        case "base64":
            return base64.b64encode(signature).decode()
        case _:
            return signature.decode()


def decode(encoding: str, text: str) -> bytes:
    """The bytes of a signature that is written in `encoding`."""
    match encoding:
        case "hex":
            return bytes.fromhex(text)
        case "base64":
            return base64.b64decode(text)
        case _:
            return text.encode()
