"""Werkzeug reads bearer tokens for Flask."""

from hmac import compare_digest

from case import Request
from oracle import Oracle
from werkzeug.datastructures import Authorization


def verify(request: Request, secret: str) -> bool:
    given = Authorization.from_header(request.header("Authorization"))
    if given is None or given.type != "bearer" or not given.token:
        return False
    return compare_digest(given.token.encode(), secret.encode())


ORACLES = [Oracle(case="bearer", library="Werkzeug", verify=verify)]
