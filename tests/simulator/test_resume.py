"""Lost connections and what becomes of their sessions."""

import pytest

from simulator.gateway_session import DropHow
from simulator.people import FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import eventually
from tests.simulator.client import Client, Frame, connected, connected_raw, quiet


def change(sim: Simulator, *states: str) -> None:
    """One presence change of the first person for each state."""
    for state in states:
        activity = {"id": "custom", "name": "Custom Status", "type": 4, "state": state}
        sim.world.set_presence(FIRST_PERSON, "online", [activity])


def states(frames: list[Frame]) -> list[str]:
    """What the custom statuses of these frames say, once per change."""
    said = [f["d"]["activities"][0]["state"] for f in frames if f["t"] == "PRESENCE_UPDATE"]
    return list(dict.fromkeys(said))


async def resumed(client: Client) -> list[Frame]:
    """Everything up to RESUMED."""
    frames = []
    while (frame := await client.receive())["t"] != "RESUMED":
        frames.append(frame)
    return frames


async def detached(sim: Simulator) -> None:
    """Wait until no session is connected."""
    await eventually(lambda: all(session.detached_at is not None for session in sim.sessions))


@pytest.mark.parametrize("compress", [None, "zlib-stream", "zstd-stream"])
async def test_a_resume_replays_what_was_missed(sim: Simulator, compress: str | None) -> None:
    """What came since ``seq`` is sent again in order, then RESUMED, then what is new."""
    async with connected(sim, compress) as first:
        await first.start()
        change(sim, "seen")
        await first.until("PRESENCE_UPDATE")
        await first.everything_so_far()
        change(sim, "sent but not counted")
        sim.drop("rst")
        await first.close_code()
    await detached(sim)
    change(sim, "missed 1", "missed 2")
    async with connected(sim, compress) as second:
        await second.resume(first)
        frames = await resumed(second)
        assert states(frames) == ["sent but not counted", "missed 1", "missed 2"]
        numbers = [frame["s"] for frame in frames]
        assert numbers == list(range(first.seq + 1, first.seq + 1 + len(numbers)))
        change(sim, "new")
        assert (await second.until("PRESENCE_UPDATE"))["activities"][0]["state"] == "new"
    assert sim.stats.resumes == 1


@pytest.mark.parametrize("how", ["rst", "eof", "close", "reconnect", "invalid_resumable"])
async def test_a_session_outlives_its_connection(sim: Simulator, how: DropHow) -> None:
    """RST, a dead TCP, a close code, op 7 and op 9 true all leave the session resumable."""
    async with connected(sim) as first:
        await first.start()
        assert sim.drop(how, code=4000) == 1
        if how == "reconnect":
            assert (await first.receive())["op"] == 7
            await first.ws.close(code=3000)
        elif how == "invalid_resumable":
            told = await first.receive()
            assert (told["op"], told["d"]) == (9, True)
            await first.ws.close(code=3000)
        else:
            assert await first.close_code() == (4000 if how == "close" else 1006)
    await detached(sim)
    async with connected(sim) as second:
        await second.resume(first)
        assert await resumed(second) == []


async def test_op_9_false_ends_the_session_but_not_the_connection(sim: Simulator) -> None:
    """After op 9 false the old session is gone, and the same connection may identify."""
    async with connected(sim) as client:
        await client.start()
        sim.drop("invalid")
        told = await client.receive()
        assert (told["op"], told["d"]) == (9, False)
        assert list(sim.sessions) == []
        client.seq = 0
        await client.start()
        assert client.seq == 3


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_goodbye_ends_the_session(sim: Simulator, code: int) -> None:
    """A client that closes with 1000 or 1001 cannot resume."""
    async with connected(sim) as first:
        await first.start()
        await first.ws.close(code=code)
    await eventually(lambda: not list(sim.sessions))
    async with connected(sim) as second:
        await second.resume(first)
        refused = await second.receive()
        assert (refused["op"], refused["d"]) == (9, False)


async def test_a_seq_from_the_future_is_closed(sim: Simulator) -> None:
    """4007, and the session is over."""
    async with connected(sim) as first:
        await first.start()
        sim.drop("rst")
    async with connected(sim) as second:
        await second.resume(first, seq=first.seq + 1)
        assert await second.close_code() == 4007
    assert list(sim.sessions) == []


async def test_a_resume_needs_the_token(sim: Simulator) -> None:
    """4004, and the session stays for its owner."""
    async with connected(sim) as first:
        await first.start()
        sim.drop("rst")
    async with connected(sim) as second:
        await second.resume(first, token="wrong")
        assert await second.close_code() == 4004
    assert len(list(sim.sessions)) == 1


async def test_a_session_is_kept_for_some_minutes() -> None:
    """After the keep time a resume gets op 9 false."""
    async with Simulator(quiet(session_keep_seconds=0.0)) as sim:
        async with connected(sim) as first:
            await first.start()
            sim.drop("rst")
            await first.close_code()
        async with connected(sim) as second:
            await second.resume(first)
            assert (await second.receive())["d"] is False


async def test_an_overrun_buffer_cannot_be_resumed() -> None:
    """A session that missed more than it keeps gets op 9 false."""
    async with Simulator(quiet(replay_events=50)) as sim:
        async with connected(sim) as first:
            await first.start()
            sim.drop("rst")
            await first.close_code()
        await detached(sim)
        change(sim, *map(str, range(51)))
        async with connected(sim) as second:
            await second.resume(first)
            assert (await second.receive())["d"] is False


async def test_a_resume_that_fills_the_buffer_is_refused() -> None:
    """What was missed would fit, and RESUMED after it would not: no client waits for it in vain."""
    async with Simulator(quiet(replay_events=60)) as sim:
        each = len(sim.world.person(FIRST_PERSON).guilds)  # a change is told once for each of them
        async with connected(sim) as first:
            await first.start()
            sim.drop("rst")
            await first.close_code()
        await detached(sim)
        change(sim, *map(str, range(60 // each)))
        async with connected(sim) as second:
            await second.resume(first)
            assert (await second.receive())["d"] is False
        assert sim.stats.resumes == 0


async def test_what_fell_out_of_the_buffer_cannot_be_replayed() -> None:
    """A seq older than the oldest kept dispatch gets op 9 false."""
    async with Simulator(quiet(replay_events=50)) as sim:
        async with connected(sim) as first:
            await first.start()
            for number in range(60):
                change(sim, str(number))
                await eventually(lambda: all(session.waiting == 0 for session in sim.sessions))
            await first.everything_so_far()
            sim.drop("rst")
            await first.close_code()
        async with connected(sim) as second:
            await second.resume(first, seq=3)
            assert (await second.receive())["d"] is False


async def test_a_second_resume_takes_the_session_over(sim: Simulator) -> None:
    """Resuming on a new connection closes the older one."""
    async with connected(sim) as first, connected(sim) as second:
        await first.start()
        await second.resume(first)
        assert await resumed(second) == []
        assert await first.close_code() == 4000
        change(sim, "for the second")
        assert states(await second.everything_so_far()) == ["for the second"]


async def test_resumes_can_be_refused(sim: Simulator) -> None:
    """A refused resume is op 9 false and ends the session."""
    sim.faults.refuse_resumes(times=1)
    async with connected(sim) as first:
        await first.start()
        sim.drop("rst")
    async with connected(sim) as second:
        await second.resume(first)
        assert (await second.receive())["d"] is False
        await second.start()


async def test_op_7_may_come_before_hello(sim: Simulator) -> None:
    """A node about to restart says so at once; the next connection is greeted."""
    sim.faults.reconnect_at_hello()
    async with connected_raw(sim) as client:
        assert (await client.receive())["op"] == 7
    async with connected(sim) as client:
        await client.start()
