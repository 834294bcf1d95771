"""Only the newest state of a user waits, and no outdated one is sent again."""

from __future__ import annotations

from services.webhooks.message import WebhookMessage
from services.webhooks.outbox import UNCERTAIN, Acknowledged, Outbox, digest_of

ANNA, BERT = 1, 2


def take(outbox: Outbox, now: float = 0.0) -> WebhookMessage:
    message = outbox.take(now)
    assert message is not None
    outbox.attempt(message)
    return message


def having(user_id: int, presence: bytes) -> Outbox:
    """The endpoint has this state of the user."""
    outbox = Outbox()
    outbox.show(user_id, 1, presence)
    outbox.delivered(take(outbox))
    return outbox


def test_a_newer_state_replaces_the_one_that_waits() -> None:
    """Memory is bounded by users."""
    outbox = Outbox()
    for version in range(1, 1000):
        outbox.show(ANNA, version, b"%d" % version)
    assert outbox.pending == 1
    assert take(outbox).presence == b"999"
    assert outbox.take(0.0) is None


def test_one_message_of_a_user_is_on_its_way() -> None:
    """The newer one follows; other users do not wait."""
    outbox = Outbox()
    outbox.show(ANNA, 1, b"a")
    first = take(outbox)
    outbox.show(ANNA, 2, b"b")
    outbox.show(BERT, 1, b"c")
    assert take(outbox).user_id == BERT
    assert outbox.take(0.0) is None
    outbox.delivered(first)
    assert take(outbox).presence == b"b"


def test_a_state_that_the_endpoint_has_is_not_sent() -> None:
    """Neither after a restart, nor when the user is back at it before anything was sent."""
    outbox = having(ANNA, b"a")
    outbox.show(ANNA, 2, b"b")
    outbox.show(ANNA, 3, b"a")
    assert outbox.take(0.0) is None

    restarted = Outbox()
    restarted.restore({ANNA: Acknowledged(1, digest_of(b"a"))})
    restarted.show(ANNA, 4, b"a")
    assert restarted.take(0.0) is None


def test_a_state_is_sent_again_where_an_attempt_may_have_arrived() -> None:
    """A failed attempt proves nothing: the endpoint may have the state in between."""
    outbox = having(ANNA, b"a")
    outbox.show(ANNA, 2, b"b")
    outbox.failed(take(outbox))
    outbox.show(ANNA, 3, b"a")
    assert take(outbox).presence == b"a"

    restarted = Outbox()
    restarted.restore({ANNA: Acknowledged(2, UNCERTAIN)})
    restarted.show(ANNA, 3, b"a")
    assert take(restarted).presence == b"a"


def test_the_same_state_keeps_its_id() -> None:
    """A change of something else does not make another message of it."""
    outbox = Outbox()
    outbox.show(ANNA, 1, b"a")
    outbox.show(ANNA, 2, b"a")
    message = take(outbox)
    outbox.show(ANNA, 3, b"a")
    outbox.failed(message)
    assert take(outbox).message_id == message.message_id == f"presence-{ANNA}-1"


def test_who_is_removed_is_not_shown_any_more() -> None:
    """What waits is dropped, and the endpoint is told if it may have a state."""
    outbox = having(ANNA, b"a")
    outbox.show(ANNA, 2, b"b")
    outbox.show(BERT, 2, b"b")
    outbox.remove(ANNA, 3)
    outbox.remove(BERT, 3)
    message = take(outbox)
    assert (message.user_id, message.presence) == (ANNA, b"")
    assert outbox.take(0.0) is None
    assert outbox.delivered(message) is None
    assert outbox.users == set()


def test_a_removal_follows_the_state_that_is_on_its_way() -> None:
    """Even if that fails: it may have arrived. The removal is newer, whatever the clocks say."""
    outbox = Outbox()
    outbox.show(ANNA, 100, b"a")
    message = take(outbox)
    outbox.remove(ANNA, 7)
    outbox.remove(ANNA, 8)
    outbox.failed(message)
    removal = take(outbox)
    assert (removal.presence, removal.version) == (b"", 101)
    assert outbox.take(0.0) is None


def test_who_returns_at_once_is_not_removed() -> None:
    """The endpoint has the state; else it is sent."""
    outbox = having(ANNA, b"a")
    outbox.remove(ANNA, 2)
    outbox.show(ANNA, 3, b"a")
    assert outbox.take(0.0) is None
    outbox.remove(ANNA, 4)
    removal = take(outbox)
    outbox.show(ANNA, 5, b"a")
    outbox.delivered(removal)
    assert take(outbox).presence == b"a"


def test_a_withheld_state_is_not_sent_again() -> None:
    """While it is not known whether the user still shows it."""
    outbox = Outbox()
    outbox.show(ANNA, 1, b"a")
    message = take(outbox)
    outbox.withhold(ANNA)
    outbox.failed(message)
    assert outbox.take(0.0) is None
    outbox.show(ANNA, 2, b"a")
    assert take(outbox).presence == b"a"


def test_a_state_that_is_shown_again_is_not_withheld() -> None:
    """The message that is on its way counts for it."""
    outbox = Outbox()
    outbox.show(ANNA, 1, b"a")
    message = take(outbox)
    outbox.withhold(ANNA)
    outbox.show(ANNA, 1, b"a")
    outbox.failed(message)
    assert take(outbox).presence == b"a"


def test_a_removal_that_is_certain_again_is_not_withheld() -> None:
    """Else the endpoint would show the user for ever, if this attempt fails."""
    outbox = Outbox()
    outbox.show(ANNA, 1, b"a")
    shown = take(outbox)
    outbox.attempt(shown)
    outbox.delivered(shown)
    outbox.remove(ANNA, 2)
    removal = take(outbox)
    outbox.withhold(ANNA)
    outbox.remove(ANNA, 3)
    outbox.failed(removal)
    assert take(outbox).presence == b""


def test_a_newer_state_does_not_come_earlier_than_a_retry() -> None:
    """Else a user who changes often would be tried often. Others come first."""
    outbox = Outbox()
    outbox.show(ANNA, 1, b"a")
    message = take(outbox)
    message.not_before = 50.0
    outbox.failed(message)
    outbox.show(ANNA, 2, b"b")
    outbox.show(BERT, 1, b"c")
    assert take(outbox, 49.0).user_id == BERT
    assert outbox.take(49.0) is None
    assert outbox.next_due() == 50.0
    assert (take(outbox, 50.0).presence, message.failures) == (b"b", 1)
