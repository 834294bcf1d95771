"""What every control verb is: a struct of its fields that can be carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from simulator.model import Json

if TYPE_CHECKING:
    from simulator.server import Simulator


class Command(Struct, kw_only=True, forbid_unknown_fields=True):
    """One thing that can be done to a simulator; decoding checks the fields."""

    async def run(self, sim: Simulator) -> Json:
        """Do it. What comes back goes into the answer.

        Raises :class:`simulator.world.Unknown` for an id or a field that does not exist.
        """
        raise NotImplementedError
