"""Standard Webhooks under any headers: what Svix and many of its customers send."""

import base64
from functools import partial

from .family import Family


def identified(name, sent, time):
    return f"{sent.value(name)}.{time}.".encode() + sent.body


def base64_key(secret):
    return base64.b64decode(secret.removeprefix("whsec_"))


WEBHOOK_SECRETS = {
    "secret": "whsec_" + base64.b64encode(b"test-secret-for-webhooks").decode(),
    "other": "whsec_" + base64.b64encode(b"another-secret-for-these").decode(),
    "key": base64_key,
}


def standard_webhooks(provider, prefix, body, event_type, **more):
    name = f"{prefix}-id"
    return Family(
        provider=provider,
        header=f"{prefix}-signature",
        time_header=f"{prefix}-timestamp",
        form="v1,{signature}",
        encoding="base64",
        signed=partial(identified, name),
        headers={name: "msg_p5jXN8AQM9LWM0D4loKWxJek"},
        signed_headers=(name,),
        body=body,
        items=[(event_type, "msg_p5jXN8AQM9LWM0D4loKWxJek")],
        binary_key="msg_p5jXN8AQM9LWM0D4loKWxJek",
        tolerance_s=300,
        future="refused",
        **{**WEBHOOK_SECRETS, **more},
    )
