"""WorkOS's own library."""

from workos.webhooks._verification import verify_header

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    header = request.header("WorkOS-Signature")
    verify_header(event_body=request.body, event_signature=header, secret=secret)
    return True


ORACLES = [
    Oracle(
        case="workos",
        library="workos",
        verify=verify,
        refusals=(ValueError,),
        differs={
            "only another version": "the library cuts three characters off without reading them; Knocker reads the version",
            "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
        },
    )
]
