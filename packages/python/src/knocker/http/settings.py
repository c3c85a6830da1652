"""What an app says about the way from the provider to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from knocker.arguments import positive
from knocker.errors import UsageError
from knocker.http.host import BadHostError, checked_host

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class HttpSettings:
    """``public_url`` is the app's base URL as providers know it. ``trusted_proxies`` are addresses or networks whose ``X-Forwarded-Proto``
    and ``X-Forwarded-Host`` are believed; ``"*"`` believes every peer, ``"unix"`` one that has no address. ``body_timeout_s`` is how long
    an ASGI request may take to send its body."""

    public_url: str | None = None
    trusted_proxies: Sequence[str] = ()
    body_timeout_s: float = 30.0
    _networks: tuple[_Network, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
                raise UsageError(f"public_url is the base URL of the app, such as https://shop.example, not {self.public_url!r}")
        positive("body_timeout_s", self.body_timeout_s)
        if isinstance(self.trusted_proxies, str):
            raise UsageError(f"trusted_proxies is a list of addresses: [{self.trusted_proxies!r}]")
        try:
            networks = tuple(ipaddress.ip_network(name) for name in self.trusted_proxies if name not in ("*", "unix"))
        except ValueError as error:
            raise UsageError(f"trusted_proxies: {error}") from error
        object.__setattr__(self, "_networks", networks)

    def external_url(self, *, scheme: str, host: str | None, target: str, peer: str | None, header: Callable[[str], str | None]) -> str:
        """The URL that the provider called. ``target`` is path and query as sent, ``header`` looks a header up.

        Raises BadHostError where the request names no host that could be in a URL, whether it is needed or not.
        """
        host = checked_host(host)
        if self.public_url is not None:
            return self.public_url.rstrip("/") + target
        if self._trusts(peer):
            # Of several values the last is the one that the trusted peer itself has added.
            scheme = _last(header("x-forwarded-proto")).lower() or scheme
            if scheme not in ("http", "https"):
                raise BadHostError
            host = checked_host(_last(header("x-forwarded-host")) or host)
        return f"{scheme}://{host}{target}"

    def _trusts(self, peer: str | None) -> bool:
        if not self.trusted_proxies:
            return False
        if "*" in self.trusted_proxies:
            return True
        if not peer:
            return "unix" in self.trusted_proxies
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        # What a listener for both families calls an IPv4 peer.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _last(value: str | None) -> str:
    return (value or "").rpartition(",")[2].strip()
