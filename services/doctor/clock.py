"""How far another clock is from this machine's."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from services.doctor.finding import Finding, failure, ok, warning

NEAR = 3.0  # seconds: an HTTP date has whole ones, and the answer took its time
FAR = 60.0

SET_IT = (
    "Let this machine's clock be set by the network (timedatectl set-ntp true; in a virtual "
    "machine, on its host): a wrong one spoils times, and beyond that certificates and ids."
)


def compared(whose: str, ahead: float) -> Finding:
    """`ahead`: seconds that the other clock is ahead of ours."""
    if abs(ahead) <= NEAR:
        return ok(f"this machine's clock agrees with {whose}")
    side = "behind" if ahead > 0 else "ahead of"
    what = f"this machine's clock is {abs(ahead):.0f} seconds {side} {whose}"
    return failure(what, SET_IT) if abs(ahead) > FAR else warning(what, SET_IT)


def by_http(whose: str, date: str, now: float) -> Finding | None:
    """`date`: the header of an answer that came at `now` (RFC 9110 section 6.6.1); None: no date.

    `now`: seconds since 1970.
    """
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return compared(whose, (theirs - datetime.fromtimestamp(now, UTC)).total_seconds())
