"""The Host header of a request. RFC 9112, 3.2; RFC 3986, 3.2.2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Final

_HOST: Final = re.compile(rb"(?:\[([0-9A-Za-z:.%_~-]+)\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?")


def is_host_valid(values: Sequence[bytes], http_version: str) -> bool:
    """Whether a request may carry these values of Host.

    HTTP/1.1 needs exactly one, HTTP/1.0 at most one. A proxy and a server that choose different
    ones of two headers would disagree about the site that is requested.
    """
    if not values:
        return http_version == "1.0"
    host = _HOST.fullmatch(values[0]) if len(values) == 1 else None
    return host is not None and (host[1] is None or _is_ipv6(host[1].decode()))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
