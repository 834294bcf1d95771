"""How many connections an address has open. Who counts as one: shared/net/client_address.py."""

from __future__ import annotations


class ConnectionCounter:
    """Counts, and says when it is too much."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._open: dict[str, int] = {}

    def take(self, client: str) -> bool:
        """One more connection. False, and not counted, when the address has its share."""
        held = self._open.get(client, 0)
        if held >= self._at_most:
            return False
        self._open[client] = held + 1
        return True

    def give_back(self, client: str) -> None:
        held = self._open.pop(client) - 1
        if held:
            self._open[client] = held
