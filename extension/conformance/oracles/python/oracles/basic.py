"""Werkzeug reads HTTP Basic for Flask."""

from hmac import compare_digest

from werkzeug.datastructures import Authorization

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    given = Authorization.from_header(request.header("Authorization"))
    if given is None or given.type != "basic":
        return False
    return compare_digest(f"{given.username}:{given.password}".encode(), secret.encode())


ORACLES = [Oracle(case="basic", library="Werkzeug", verify=verify)]
