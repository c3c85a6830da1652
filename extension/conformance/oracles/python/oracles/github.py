"""gidgethub is the asynchronous GitHub library for Python."""

from gidgethub import ValidationFailure
from gidgethub.sansio import validate_event

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    validate_event(request.body, signature=request.header("X-Hub-Signature-256"), secret=secret)
    return True


ORACLES = [
    Oracle(
        case="github",
        library="gidgethub",
        verify=verify,
        refusals=(ValidationFailure,),
        differs={
            "sha1 in the sha256 header": "gidgethub reads the hash from the prefix; Knocker takes only the stronger one in this header",
            "a blank secret": "gidgethub signs with an empty key; Knocker verifies nothing with one",
        },
    )
]
