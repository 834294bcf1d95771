"""Robin, the user of the browser tests, and their activities."""

from __future__ import annotations

import time

from simulator.model import Json
from tests.browser.browser_fixture import BrowserTab
from tests.e2e.stack import ROBIN

WIDGET = f'<grux-presence user="{ROBIN}"></grux-presence>'
CUSTOM: Json = {"id": "custom", "name": "Custom Status", "type": 4, "created_at": 1784053200000}
GAME: Json = {
    "id": "5d44176e3524575c",
    "name": "Starfall Arena",
    "type": 0,
    "created_at": 1784053200000,
    "application_id": "764429562019840003",
    "details": "Ranked Duos: 2-1",
    "state": "In a Match",
    "party": {"id": "p", "size": [2, 4]},
    "assets": {
        "large_image": "1232994765373440001",
        "large_text": "Crystal Caves",
        "small_image": "1232995017031680002",
        "small_text": "Gold III",
    },
}


def song(played: int = 30, seconds: int = 187) -> Json:
    start = int(time.time() * 1000) - played * 1000
    return {
        "id": "spotify:1",
        "name": "Spotify",
        "type": 2,
        "created_at": start,
        "flags": 48,
        "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
        "details": "Paper Lanterns",
        "state": "Juniper Vale; Ola Fenn",
        "party": {"id": f"spotify:{ROBIN}"},
        "assets": {"large_image": "spotify:ab67616d0000b2737aee7c56", "large_text": "Small Hours"},
        "timestamps": {"start": start, "end": start + seconds * 1000},
    }


def show(tab: BrowserTab, status: str = "online", *activities: Json) -> None:
    """Set Robin's presence, as Discord sends it."""
    world = tab.stack.simulator.world
    world.set_presence(ROBIN, status, list(activities), {"desktop": status})
