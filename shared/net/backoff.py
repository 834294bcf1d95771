"""Exponential back-off: how long to wait after the n-th failure in a row."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_MAX_EXPONENT: Final = 100  # a float overflows later; every real delay has reached its maximum


class Backoff(Struct, frozen=True, kw_only=True):
    """Delays in seconds: `first_s`, then `factor` times the one before, up to `max_s`.

    It holds no state: its user counts the failures, and starts again at 0 after a success.
    """

    first_s: float
    max_s: float
    factor: float = 2.0

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; `failures` is 1 or more."""
        return min(self.max_s, self.first_s * self.factor ** min(failures - 1, _MAX_EXPONENT))
