"""What a simulated person chooses without being asked: that a history is kept of them.

A demo has something to show then. They use the bot's command, as anybody else would.
"""

import asyncio
from typing import Final

from simulator.control_interactions import typed_options
from simulator.interaction import Interaction
from simulator.interactions import Interactions
from simulator.world import Unknown

COMMAND: Final = "grux"
ANSWER_WAIT_S: Final = 5.0
PAUSE_S: Final = 0.5

_PRIMARY: Final = 1  # the style of the button for what is chosen


async def keep_history(
    user_id: str,
    interactions: Interactions,
    *,
    pause_s: float = PAUSE_S,
    answer_wait_s: float = ANSWER_WAIT_S,
) -> None:
    """Return when the bot has answered that it keeps one. Until it is there, try again.

    ``pause_s``: between two attempts. ``answer_wait_s``: for the answer to one.
    """
    while True:
        try:
            sent = interactions.use_command(
                user_id, COMMAND, typed_options("history", {"keep": "recent"})
            )
        except Unknown:  # the bot has registered nothing yet
            await asyncio.sleep(pause_s)
            continue
        if _is_chosen(await interactions.settled(sent, answer_wait_s)):
            return
        await asyncio.sleep(pause_s)


def _is_chosen(answered: Interaction) -> bool:
    """Whether the button for it is marked in the answer."""
    rows = (answered.message or {}).get("components") or []
    return any(
        button.get("style") == _PRIMARY and str(button.get("custom_id")).endswith(":recent")
        for row in rows
        for button in row.get("components") or []
    )
