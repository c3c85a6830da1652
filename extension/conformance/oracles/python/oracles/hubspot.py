"""HubSpot's own library."""

from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature

from case import NOW_MS, Case, Request
from oracle import Oracle

BLANK = {"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"}


def old(version: str) -> Oracle:
    """Versions 1 and 2 share their header."""

    def verify(request: Request, secret: str) -> object:
        signature = request.header("X-HubSpot-Signature")
        return Signature.is_valid(signature, secret, request.text, request.url, request.method, version)

    def sign(case: Case) -> Request:
        request = case.request
        signature = Signature.get_signature(case.secret, request.text, version, request.url, request.method)
        return request.with_headers({"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": version})

    return Oracle(case=f"hubspot-{version}", library="hubspot-api-client", verify=verify, sign=sign, differs=BLANK)


def verify_v3(request: Request, secret: str) -> object:
    signature, timestamp = request.header("X-HubSpot-Signature-v3"), request.header("X-HubSpot-Request-Timestamp")
    return Signature.is_valid(signature, secret, request.text, request.url, request.method, "v3", timestamp)


def sign_v3(case: Case) -> Request:
    request, timestamp = case.request, str(NOW_MS)
    signature = Signature.get_signature(case.secret, request.text, "v3", request.url, request.method, timestamp)
    return request.with_headers({"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp})


ORACLES = [
    old("v1"),
    old("v2"),
    Oracle(
        case="hubspot-v3",
        library="hubspot-api-client",
        verify=verify_v3,
        sign=sign_v3,
        refusals=(InvalidSignatureTimestampError,),
        differs={
            **BLANK,
            "the greatest age allowed": "the documentation and the library for Node accept exactly five minutes, this library does not",
            "escapes that HubSpot decodes before it signs": "the library takes the URL as given and leaves the decoding to its caller",
        },
    ),
]
