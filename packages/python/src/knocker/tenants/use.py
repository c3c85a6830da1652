"""One use of a tenant's file: it stays open for the length of a block, in threads and in coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from knocker.hooks import Hooks


class TenantUse:
    """``with tenants.hooks("acme") as hooks:``, or ``async with``. Each is for one block."""

    def __init__(self, try_take: Callable[[], Hooks | None], take: Callable[[], Hooks], give_back: Callable[[], None]) -> None:
        self._try_take = try_take
        self._take = take
        self._give_back = give_back

    def __enter__(self) -> Hooks:
        return self._try_take() or self._take()

    def __exit__(self, *_: object) -> None:
        self._give_back()

    async def __aenter__(self) -> Hooks:
        return self._try_take() or await self._taken()

    async def __aexit__(self, *_: object) -> None:
        self._give_back()

    async def _taken(self) -> Hooks:
        """Opening a file, and waiting for one, are for a thread."""
        taking = asyncio.ensure_future(asyncio.to_thread(self._take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # Nobody will be there to give it back.
            taking.add_done_callback(lambda taken: None if taken.cancelled() or taken.exception() else self._give_back())
            raise
