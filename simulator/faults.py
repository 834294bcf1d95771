"""What goes wrong on purpose: for the gateway's door and for REST."""

import time
from typing import Annotated, Literal

from msgspec import Meta, Struct

Refusal = Literal["http", "reset"]
RefusedAddress = Literal["both", "resume"]


class RestFault(Struct, kw_only=True):
    """Answers under ``prefix`` are late, failures, or both."""

    prefix: str
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    delay: Annotated[float, Meta(ge=0)] = 0.0
    retry_after: Annotated[float, Meta(ge=0)] = 1.0
    carried_out: bool = False
    """The request takes effect; only its answer is late or a failure."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """For so many requests; null: until cleared."""


class Faults:
    """The faults in force now. Times are counted down as they happen."""

    def __init__(self) -> None:
        self.acks_stalled = False
        self._refuse_how: Refusal = "http"
        self._refuse_address: RefusedAddress = "both"
        self._refuse_until = 0.0
        self._resumes_to_refuse: float = 0
        self._reconnects_at_hello = 0
        self._dead_tokens: float = 0
        self._rest: list[RestFault] = []

    def refuse(
        self,
        seconds: float | None = None,
        how: Refusal = "http",
        address: RefusedAddress = "both",
    ) -> None:
        """Refuse new gateway connections for ``seconds``, or until cleared: at both addresses, or
        at ``resume_gateway_url`` alone."""
        self._refuse_how = how
        self._refuse_address = address
        self._refuse_until = float("inf") if seconds is None else time.monotonic() + seconds

    def refuse_resumes(self, times: int | None = None) -> None:
        """Answer the next resumes (all, if None) with op 9 false."""
        self._resumes_to_refuse = float("inf") if times is None else times

    def reconnect_at_hello(self, times: int = 1) -> None:
        """Greet the next connections with op 7 in place of HELLO."""
        self._reconnects_at_hello = times

    def issue_dead_tokens(self, times: int | None = None) -> None:
        """Refuse the next access tokens (all, if None) with 401 for ever."""
        self._dead_tokens = float("inf") if times is None else times

    def add_rest(self, fault: RestFault) -> None:
        """Let requests under a path prefix fail or wait."""
        self._rest.append(fault)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.acks_stalled = False
        self._refuse_until = 0.0
        self._resumes_to_refuse = 0
        self._reconnects_at_hello = 0
        self._dead_tokens = 0
        self._rest.clear()

    def connection_refusal(self, address: Literal["main", "resume"]) -> Refusal | None:
        """How to refuse a connection that comes now, None to take it."""
        if time.monotonic() >= self._refuse_until or self._refuse_address not in ("both", address):
            return None
        return self._refuse_how

    def take_resume_refusal(self) -> bool:
        """Whether to refuse this resume; counts."""
        if self._resumes_to_refuse <= 0:
            return False
        self._resumes_to_refuse -= 1
        return True

    def take_reconnect_at_hello(self) -> bool:
        """Whether to greet this connection with op 7; counts."""
        if self._reconnects_at_hello <= 0:
            return False
        self._reconnects_at_hello -= 1
        return True

    def take_dead_token(self) -> bool:
        """Whether the access token that is issued now is a dead one; counts."""
        if self._dead_tokens <= 0:
            return False
        self._dead_tokens -= 1
        return True

    def take_rest(self, path: str) -> RestFault | None:
        """The fault that this request meets, if any; counts. ``path`` has no ``/api/v10``."""
        for fault in self._rest:
            if path.startswith(fault.prefix):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._rest.remove(fault)
                return fault
        return None
