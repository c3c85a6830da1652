"""What the HTTP interfaces need of an endpoint."""

from __future__ import annotations

from typing import Protocol

from knocker.records import Receipt
from knocker.request import WebhookRequest


class Receiver(Protocol):
    """Takes requests, of at most so many bytes."""

    name: str
    max_body_bytes: int

    def read_max_body_bytes(self) -> int:
        """The size limit as it is stored now."""

    def receive(self, request: WebhookRequest) -> Receipt:
        """Verifies and stores one request."""

    def tell_too_slow(self, received: int, timeout_s: float) -> None:
        """Told that a body was not complete in time."""

    def tell_short(self, received: int, announced: int) -> None:
        """Told that a body ended before its end."""

    async def areceive(self, request: WebhookRequest) -> Receipt:
        """As ``receive``, for coroutines."""
