"""The secrets of an endpoint: what stands in the code, or what a function finds for a request. They are never stored and never shown."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from knocker.errors import UsageError
from knocker.request import WebhookRequest

FoundSecrets = str | Iterable[str]
SecretsOf = Callable[[WebhookRequest], FoundSecrets | Awaitable[FoundSecrets]]
Secrets = FoundSecrets | SecretsOf
"""One secret, several (each is tried), or a function of the request that returns them."""


class EndpointSecrets:
    """The secrets argument of the SQL functions, for each request."""

    def __init__(self, endpoint: str, secrets: Secrets) -> None:
        self._endpoint = endpoint
        self._find = secrets if callable(secrets) else None
        self._fixed = "[]" if callable(secrets) else json.dumps(self._checked(secrets))

    def require_any(self, provider: str) -> None:
        """Refuses an endpoint of a provider without a secret, where nothing could ever be verified."""
        if self._find is None and self._fixed == "[]":
            raise UsageError(f"endpoint {self._endpoint!r}: {provider} needs a secret, and there is none; {_habit(self._endpoint)}")

    def of(self, request: WebhookRequest) -> str:
        """Those for this request, without waiting for anybody."""
        if self._find is None:
            return self._fixed
        found = self._find(request)
        if inspect.isawaitable(found):
            if inspect.iscoroutine(found):
                found.close()
            raise UsageError(f"endpoint {self._endpoint!r}: its secrets come from a coroutine function; use areceive or averify")
        return json.dumps(self._listed(found))

    async def aof(self, request: WebhookRequest) -> str:
        """Those for this request, also from a coroutine function."""
        if self._find is None:
            return self._fixed
        found = self._find(request)
        return json.dumps(self._listed(await found if inspect.isawaitable(found) else found))

    def _listed(self, secrets: Any) -> list[str]:
        # What they are instead is not shown: it may be a secret.
        if isinstance(secrets, str):
            return [secrets]
        listed: list[Any] = list(secrets) if isinstance(secrets, Iterable) and not isinstance(secrets, (bytes, Mapping)) else [None]
        if not all(isinstance(secret, str) for secret in listed):
            raise UsageError(
                f"endpoint {self._endpoint!r}: secrets are a text, a list of texts, or a function that returns one of these; "
                f"{_habit(self._endpoint)}"
            )
        return listed

    def _checked(self, secrets: Any) -> list[str]:
        """Those that stand in the code; what a function finds for a request may be blank, and the request is refused."""
        listed = self._listed(secrets)
        if not all(secret.strip() for secret in listed):
            raise UsageError(f"endpoint {self._endpoint!r}: a secret is empty; {_habit(self._endpoint)}")
        return listed


def _habit(endpoint: str) -> str:
    """How secrets get into an app, so that a variable that is not set is noticed at once."""
    name = re.sub("[^A-Z0-9]+", "_", endpoint.upper()).strip("_")
    return f'write secrets=[os.environ["{name}_WEBHOOK_SECRET"]] and set that environment variable'
