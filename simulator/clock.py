"""The time of OAuth2 codes and tokens, which can be moved forward."""

import time
from collections.abc import Callable


class MovableClock:
    """Unix seconds. Tests let codes and tokens expire without waiting for it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._ahead += seconds
