"""Loopback addresses lead to the machine itself: for a browser elsewhere, to another machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, is this machine for itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def leads_to_loopback(url: str) -> bool:
    """Whether the host of `url` is a loopback address."""
    return is_loopback(urlsplit(url).hostname or "")


def as_reached(url: str, host_header: str) -> str:
    """`url` for a client that reached this machine as `host_header` (the value of Host).

    Only a loopback URL changes, and only if the client used another host: then its host is that
    one, with the same port. web/widget/loopback.js does the same in browsers.
    """
    used = urlsplit(f"//{host_header}")
    if not used.hostname or is_loopback(used.hostname) or not leads_to_loopback(url):
        return url
    parts = urlsplit(url)
    host = f"[{used.hostname}]" if ":" in used.hostname else used.hostname
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()
