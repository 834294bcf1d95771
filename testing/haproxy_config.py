"""deploy/haproxy/haproxy.cfg, adapted to what runs on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

CONFIGURATION: Final = Path(__file__).parents[1] / "deploy" / "haproxy" / "haproxy.cfg"


def adapted(
    port: int, folder: Path, servers: Mapping[str, Sequence[str]], certificate: Path | None = None
) -> str:
    """The configuration with one port of 127.0.0.1, and these lines for the servers of a backend.

    Its own socket is in `folder`. Plain HTTP without a `certificate`.
    """
    text = CONFIGURATION.read_text()
    text = without(text, r"^frontend http\n(?: .*\n)*")  # it only redirects to HTTPS
    text = without(text, r"^ *(log|chroot|user|group) .*\n")
    text = without(text, r"^ *bind \[.*\n")
    text = _replaced(text, r"(?<=stats socket )/run/haproxy(?=/)", str(folder))
    tls = f" ssl crt {certificate}" if certificate else ""
    text = _replaced(text, r"bind :443 ssl crt \S+( alpn \S+)?", f"bind 127.0.0.1:{port}{tls}")
    for backend, lines in servers.items():
        text = _replaced(
            text,
            rf"(?<=^backend {backend}\n)((?: +(?! |server ).*\n)*)(?: +server .*\n)+",
            r"\1" + "".join(f"    {line}\n" for line in lines),
        )
    return text


def without(text: str, pattern: str) -> str:
    return _replaced(text, pattern, "")


def _replaced(text: str, pattern: str, by: str) -> str:
    text, count = re.subn(pattern, by, text, flags=re.MULTILINE)
    assert count, f"{CONFIGURATION} has no {pattern}"
    return text
