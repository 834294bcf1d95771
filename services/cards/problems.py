"""What a card says if it cannot show a user, and the images that need no rendering."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.cards.render_pool import PoolFull, RenderFailed
from services.cards.texts import TEXTS, Language, ProblemText
from shared.http.errors import InvalidUserId, UserNotMonitored
from shared.redis.store import SnapshotDamaged, StoreUnavailable

MAX_AGE_S: Final = 30  # that proxies may show a card
RETRY_MAX_AGE_S: Final = 5  # the same, where a better card will soon be available


class Problem(Struct, frozen=True):
    code: str  # CardTexts.problems has its texts
    max_age_s: int


_BUSY: Final = Problem("busy", RETRY_MAX_AGE_S)

PROBLEMS: Final[dict[type[Exception], Problem]] = {
    InvalidUserId: Problem("invalid_user_id", 300),
    UserNotMonitored: Problem("user_not_monitored", MAX_AGE_S),
    StoreUnavailable: Problem("unavailable", RETRY_MAX_AGE_S),
    SnapshotDamaged: Problem("unavailable", RETRY_MAX_AGE_S),
    PoolFull: _BUSY,
    RenderFailed: _BUSY,
    Exception: Problem("internal_server_error", RETRY_MAX_AGE_S),
}


def explanation(problem: Problem, language: Language, discord_invite: str | None) -> ProblemText:
    """What the picture says, with the way into a server where that is the remedy."""
    texts = TEXTS[language]
    found = texts.problems[problem.code]
    if problem.code != "user_not_monitored" or not discord_invite:
        return found
    return ProblemText(found.title, f"{found.text} {texts.join.format(invite=discord_invite)}")


BUSY_SVG: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="450" height="88" viewBox="0 0 450 88"'
    b' role="img" aria-label="Busy"><title>Busy</title>'
    b'<rect width="450" height="88" rx="16" fill="#17181c"/>'
    b'<circle cx="201" cy="44" r="6" fill="#8b919d"/><circle cx="225" cy="44" r="6"'
    b' fill="#8b919d"/><circle cx="249" cy="44" r="6" fill="#8b919d"/></svg>'
)
BUSY_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000e10000002c0103000000a90b4d5300000006504c544517"
    "181c8b919dfa6f1f4b000000294944415478da63601805a38062c0c1d0c0815bd68ef9811db9b2f5ec1f"
    "ea6963327e378f82518004009d5208921d18c3fb0000000049454e44ae426082"
)
"""Shown when nothing can be rendered: three dots."""
