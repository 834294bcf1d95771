"""The limit of open files (RLIMIT_NOFILE): every client takes one."""

from __future__ import annotations

import resource
from typing import Final

MAX_FILES: Final = 1 << 20


def raise_nofile_limit() -> int:
    """Raise the soft limit, usually 1024, to the hard one. Returns the limit that now holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS: the kernel allows less than the hard limit
        return soft
    return wanted
