"""Strong entity tags, and whether a client has the answer already. RFC 9110, 8.8.3 and 13.1.2."""

from __future__ import annotations

import re
from hashlib import blake2b

_TAG = re.compile(rb'"[\x21\x23-\x7e\x80-\xff]*"')


def tag(body: bytes) -> bytes:
    """The same bytes have the same tag, whichever replica sends them."""
    return b'"%b"' % blake2b(body, digest_size=12).hexdigest().encode()


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the header's value names `etag`: alone, in a list, as a weak one, or as `*`."""
    if if_none_match == etag:
        return True
    return if_none_match.strip() == b"*" or etag in _TAG.findall(if_none_match)
