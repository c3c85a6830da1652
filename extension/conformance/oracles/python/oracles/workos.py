"""WorkOS's own library."""

from case import Request
from oracle import Oracle, accepted
from workos.webhooks._verification import verify_header


def verify(request: Request, secret: str) -> bool:
    header = request.header("WorkOS-Signature")
    return accepted(verify_header(event_body=request.body, event_signature=header, secret=secret))


ORACLES = [
    Oracle(
        case="workos",
        library="workos",
        verify=verify,
        refusals=(ValueError,),
        differs={
            "only another version": "the library cuts three characters off without reading them; Knocker reads the version",
            "blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
        },
    )
]
