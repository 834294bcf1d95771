"""What one client says: which users it wants to be sent from now on, and which no longer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from services.ws.counters import Counters
from services.ws.hub import Hub
from services.ws.limits import WsLimits
from services.ws.notices import (
    TOO_MANY_USERS,
    UNREAD_ANSWERS,
    invalid_message,
    malformed_id,
    too_many_users,
)
from services.ws.peer import Peer
from services.ws.protocol import ErrorNotice
from services.ws.session import PresenceSession
from shared.discord import snowflake

MAX_INVALID_MESSAGES: Final = 3  # the last of them closes the connection
SHOWN_PROBLEM_CHARS: Final = 120  # of what is wrong with a message: it may quote the client


class SubscribeMessage(Struct, frozen=True, tag_field="op", tag="subscribe"):
    """The client wants these users; it may have some of them already."""

    user_ids: list[str]


class UnsubscribeMessage(Struct, frozen=True, tag_field="op", tag="unsubscribe"):
    """The client no longer wants these users."""

    user_ids: list[str]


ClientMessage = SubscribeMessage | UnsubscribeMessage

_decode = msgspec.json.Decoder(ClientMessage).decode


class InvalidMessage(Struct, frozen=True):
    """A message of another form."""

    problem: str


def decode_message(payload: bytes) -> ClientMessage | InvalidMessage:
    """Never raises: the payload comes from a stranger."""
    try:
        message: ClientMessage = _decode(payload)
    except msgspec.ValidationError as error:
        return InvalidMessage(str(error)[:SHOWN_PROBLEM_CHARS])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return InvalidMessage("it is not JSON")
    return message


Admit = Callable[[Sequence[int], int], bool]
"""Whether the address may ask for these users now; the second number is what it costs."""


class PresenceClient:
    """Applies messages in order. It is made for the first one: most clients only listen.

    While bytes wait for the client, its messages wait as well, and only a few of them: a client
    that does not read the answers would fill the memory with them.
    """

    __slots__ = (
        "_admit",
        "_counters",
        "_hub",
        "_invalid",
        "_limits",
        "_messages",
        "_peer",
        "_session",
    )

    def __init__(
        self,
        peer: Peer,
        session: PresenceSession,
        hub: Hub,
        admit: Admit,
        limits: WsLimits,
        counters: Counters,
    ) -> None:
        self._peer = peer
        self._session = session
        self._hub = hub
        self._admit = admit
        self._limits = limits
        self._counters = counters
        self._messages: deque[bytes] = deque()
        self._invalid = 0

    def receive(self, messages: Iterable[bytes]) -> None:
        self._messages.extend(messages)
        self.apply_waiting()
        if len(self._messages) > self._limits.waiting_messages:
            self._refuse(UNREAD_ANSWERS)

    def apply_waiting(self) -> None:
        """Apply messages until the client's buffer is full."""
        while self._messages and not self._peer.paused:
            message = decode_message(self._messages.popleft())
            if isinstance(message, InvalidMessage):
                self._reject(message)
            else:
                self._apply(message)

    def end(self) -> None:
        """The client has disconnected, or is being closed."""
        self._messages.clear()

    def _reject(self, message: InvalidMessage) -> None:
        self._invalid += 1
        notice = invalid_message(message.problem)
        if self._invalid < MAX_INVALID_MESSAGES:
            self._report(notice.frame)
        else:
            self._refuse(notice)

    def _apply(self, message: ClientMessage) -> None:
        session, subscribes = self._session, isinstance(message, SubscribeMessage)
        session.keep_open = True
        parsed = {text: snowflake.parse(text) for text in message.user_ids}
        user_ids = list(dict.fromkeys(one for one in parsed.values() if one is not None))
        after = session.user_ids.union(user_ids) if subscribes else ()
        if max(len(parsed), len(after)) > self._limits.users:
            self._report(too_many_users(max(len(parsed), len(after)), self._limits.users))
            return
        if not self._admit(user_ids if subscribes else (), len(parsed)):
            self._refuse(TOO_MANY_USERS)
            return
        for text, user_id in parsed.items():
            if user_id is None and subscribes:
                self._report(malformed_id(text).frame)
        # A user whom the client has already is answered like every other: by `initial_data`.
        self._hub.unsubscribe(session, user_ids)
        if subscribes:
            self._hub.subscribe(session, user_ids)

    def _report(self, error: bytes) -> None:
        """Send the frame. The connection stays open."""
        self._counters.refused.inc()
        self._peer.write(error)

    def _refuse(self, notice: ErrorNotice) -> None:
        self._report(notice.frame)
        self._peer.close(notice.close_reason)
