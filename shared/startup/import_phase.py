"""The garbage collector waits until a service is imported.

A program's modules are no garbage, and the collector would look through them, as far as they are
there, some hundred times: an eighth of the CPU with which a gateway starts. So the `__main__` of
each service imports this module before all others. `bootstrap.run` ends the phase.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 10_000
"""That are new when the collector runs: garbage is found during the imports too, only later."""

_USUAL: Final = gc.get_threshold()
gc.set_threshold(YOUNG_OBJECTS, *_USUAL[1:])


def end() -> None:
    """What is imported stays: from now on, no collection looks at it. Decoding the members of a
    large server, which makes many objects, costs half of what it did."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
