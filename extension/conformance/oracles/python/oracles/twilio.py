"""Twilio's own library."""

from collections.abc import Iterable
from urllib.parse import parse_qs

from twilio.request_validator import SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER, RequestValidator, get_signature_algorithm

from case import Case, Request
from oracle import Oracle


class Fields(dict[str, list[str]]):
    """A form as the frameworks hold one: the library asks for all values of a name."""

    def getlist(self, name: str) -> Iterable[str]:
        return self[name]


def parameters(request: Request) -> Fields | str:
    if "form" in request.header("Content-Type"):
        return Fields(parse_qs(request.text, keep_blank_values=True))
    return request.text


def verify(request: Request, secret: str) -> object:
    algorithm = get_signature_algorithm(request.header(SIGNATURE_SETTINGS_HEADER))
    return RequestValidator(secret).validate(request.url, parameters(request), request.header(SIGNATURE_HEADER), algorithm)


def sign(case: Case) -> Request:
    request = case.request.with_headers(case.signer["headers"])
    algorithm = get_signature_algorithm(request.header(SIGNATURE_SETTINGS_HEADER))
    signed: Fields | str = parameters(request) if "form" in request.header("Content-Type") else Fields()
    signature = RequestValidator(case.secret).compute_signature(request.url, signed, algorithm)
    return request.with_header(SIGNATURE_HEADER, signature)


BLANK = {"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"}
SPELLINGS = "the library knows ports alone; Twilio's library for Node tries further spellings, and so does Knocker"
BOUND = "the library lets the request name its algorithm; Knocker binds an endpoint with the option algorithm to one"

ORACLES = [
    Oracle(
        case="twilio",
        library="twilio",
        verify=verify,
        sign=sign,
        differs={
            **BLANK,
            "a shared key's signature for an endpoint of the auth token": BOUND,
            "a URL that is signed in its escaped form": SPELLINGS,
            "an apostrophe that a runtime escaped": SPELLINGS,
            "a query that is signed as Node encodes it": SPELLINGS,
        },
    ),
    Oracle(case="twilio-json", library="twilio", verify=verify, sign=sign, differs=BLANK),
    Oracle(case="twilio-shared-key", library="twilio", verify=verify, sign=sign, differs={**BLANK, "downgraded to SHA-1": BOUND}),
]
