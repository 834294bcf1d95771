"""How many files this process may have open: every client is one."""

from __future__ import annotations

import resource
from typing import Final

MOST: Final = 1 << 20


def raise_nofile_limit() -> int:
    """Raise the soft limit, usually 1024, to the hard one. Gives what holds from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS: the kernel allows less than it says
        return soft
    return wanted
