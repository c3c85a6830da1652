"""Discord's library for interactions; PyNaCl signs."""

from discord_interactions import verify_key
from nacl.signing import SigningKey

from case import NOW_MS, Case, Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    return verify_key(request.body, request.header("X-Signature-Ed25519"), request.header("X-Signature-Timestamp"), secret)


def sign(case: Case) -> Request:
    timestamp = str(NOW_MS // 1000)
    signature = SigningKey(bytes.fromhex(case.signing_secret)).sign(timestamp.encode() + case.request.body).signature
    return case.request.with_headers({"X-Signature-Timestamp": timestamp, "X-Signature-Ed25519": signature.hex()})


ORACLES = [Oracle(case="discord", library="discord-interactions", verify=verify, sign=sign)]
