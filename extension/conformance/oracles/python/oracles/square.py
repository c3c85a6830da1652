"""Square's own library."""

from square.utils.webhooks_helper import verify_signature

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    return verify_signature(
        request_body=request.text,
        signature_header=request.header("x-square-hmacsha256-signature"),
        signature_key=secret,
        notification_url=request.url,
    )


# An empty key is a ValueError.
ORACLES = [Oracle(case="square", library="squareup", verify=verify, refusals=(ValueError,))]
