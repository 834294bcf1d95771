"""The head of a request: what its bytes and its headers say. RFC 9112."""

from __future__ import annotations

import re
from urllib.parse import unquote

from shared.http.responses import Header


def is_alone(data: bytes) -> bool:
    """Whether what has come, from the start of a request, is one whole head and nothing else.

    An empty line ends a head. llhttp takes a line feed without a carriage return for a line's end.
    """
    return data.find(b"\n\r\n") == len(data) - 3 and b"\n\n" not in data


def announces_body(header: Header) -> bool:
    name, value = header
    return name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0") != b"")


def is_websocket(header: Header) -> bool:
    return header[0] == b"upgrade" and header[1].lower() == b"websocket"


def decode_path(raw_path: bytes) -> str:
    """An encoded slash is part of its segment, and separates nothing. RFC 3986, 2.2.

    A proxy's rules for paths see it like that as well.
    """
    return unquote(re.sub(r"%2[Ff]", "%252F", raw_path.decode("ascii")))
