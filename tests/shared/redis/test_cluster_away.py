"""A Redis Cluster of which no node answers."""

from __future__ import annotations

import pytest

from shared.redis.store import Save, Store, StoreUnavailable
from testing.free_port import free_port


async def test_no_node_answers() -> None:
    """It is as unavailable as a single server that is away: the client's own error is another."""
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    async with Store.connect(url, timeout=1.0) as store:
        for call in (store.load(1), store.save([Save(1, joined=(2,))]), store.info(), store.ping()):
            with pytest.raises(StoreUnavailable):
                await call
        assert store.up is False
