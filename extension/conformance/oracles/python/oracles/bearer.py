"""Werkzeug reads bearer tokens for Flask."""

from hmac import compare_digest

from werkzeug.datastructures import Authorization

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    given = Authorization.from_header(request.header("Authorization"))
    if given is None or given.type != "bearer" or not given.token:
        return False
    return compare_digest(given.token.encode(), secret.encode())


ORACLES = [Oracle(case="bearer", library="Werkzeug", verify=verify)]
