"""Each address in docs/now-playing.md, requested where api forwards to cards."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from shared.redis.store import Store
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.cards.card_requests import save
from tests.cards.cards_fixture import serving_cards
from tests.cards.sample_users import ON_TIDAL
from tests.documents import ROOT

_ADDRESS = re.compile(r"https://your\.host(/[^\s`)\"]+)")
KINDS = {
    "": "application/json; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "png": "image/png",
}


async def test_every_address_is_answered(store: Store) -> None:
    """With the kind that its ending says, without a problem or a parameter that is not known."""
    addresses = set(_ADDRESS.findall((ROOT / "docs/now-playing.md").read_text()))
    assert {urlsplit(one).path.partition(".")[2] for one in addresses} == {"", "txt", "svg"}
    await save(store, ON_TIDAL)
    async with (
        serving_cards(store) as cards,
        serving(store, cards_url=f"http://127.0.0.1:{cards}") as port,
    ):
        for address in sorted(addresses):
            answer = await ask(port, address)
            kind = KINDS[urlsplit(address).path.partition(".")[2]]
            assert (answer.status, answer.header("content-type")) == (200, kind), address
            assert answer.header("x-grux-problem") is None, address
            assert answer.header("x-grux-unusable") is None, address
        text = await ask(port, "/now-playing/1274150219482660897.txt")
        assert text.body == b"Harvest Moon by The Quiet Motors, Ola Fenn"
