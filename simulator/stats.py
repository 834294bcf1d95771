"""What happened so far, counted for tests and benches."""

from collections import Counter

from msgspec import Struct, field


class Stats(Struct):
    """Counters since the start; ``GET /control/stats`` shows them."""

    connections: int = 0
    connections_refused: int = 0
    identifies: int = 0
    identifies_refused: int = 0
    resumes: int = 0
    resumes_refused: int = 0
    heartbeats: int = 0
    heartbeats_unanswered: int = 0
    member_requests: int = 0
    member_requests_limited: int = 0
    op8_ambiguous: int = 0
    events: int = 0
    events_by_name: Counter[str] = field(default_factory=Counter)
    closes_by_code: Counter[int] = field(default_factory=Counter)
    rest_by_route: Counter[str] = field(default_factory=Counter)
    rest_by_status: Counter[int] = field(default_factory=Counter)
    cdn: int = 0
    webhooks_by_answer: Counter[str] = field(default_factory=Counter)

    def dispatched(self, name: str, sessions: int) -> None:
        """Count one event queued for so many sessions."""
        self.events += sessions
        self.events_by_name[name] += sessions
