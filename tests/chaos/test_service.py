"""A process of a run: how it ends is looked at."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

from chaos import service
from chaos.service import Service


@pytest.fixture
async def process() -> AsyncIterator[Service]:
    process = Service("api-1", "api", {})
    await process.start()
    yield process
    await process.kill()


async def test_a_process_that_does_not_end_in_time_is_a_trouble(
    process: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the time that docs/operations.md promises; here it is given none."""
    assert service.END_WITHIN == 10.0
    monkeypatch.setattr(service, "END_WITHIN", 0.0)
    await process.terminate()
    assert "did not end within" in process.troubles[0]
    assert not process.running


async def test_a_process_that_ends_by_itself_is_a_trouble(process: Service) -> None:
    """Whatever its status is."""
    process.send(signal.SIGKILL)
    await process.terminate()
    assert process.troubles == ["api-1 ended with -9 on SIGTERM"]
