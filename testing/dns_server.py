"""A name server on loopback, as Docker's: the addresses of each name may change at any time."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Final, cast

TTL_S: Final = 1
_A, _IN, _NAME_AT_12 = 1, 1, 0xC00C
_ANSWER, _NO_SUCH_NAME = 0x8180, 0x8183  # a response, recursion available


class DnsServer(asyncio.DatagramProtocol):
    """Answers A with the addresses of `names`, and everything else with none."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self.names = dict(names)
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(answer(data, self.names), addr)


def answer(query: bytes, names: Mapping[str, Sequence[str]]) -> bytes:
    """The response to a query with one question."""
    labels, at = [], 12
    while size := query[at]:
        labels.append(query[at + 1 : at + 1 + size].decode("ascii"))
        at += 1 + size
    question = query[12 : at + 5]
    kind, _ = struct.unpack("!HH", question[-4:])
    addresses = names.get(".".join(labels).lower())
    found = (addresses or ()) if kind == _A else ()
    flags = _NO_SUCH_NAME if addresses is None else _ANSWER
    head = query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0)
    records = (
        struct.pack("!HHHIH", _NAME_AT_12, _A, _IN, TTL_S, 4) + IPv4Address(address).packed
        for address in found
    )
    return head + question + b"".join(records)


@asynccontextmanager
async def dns_server(names: Mapping[str, Sequence[str]]) -> AsyncIterator[DnsServer]:
    """A server on a port that the system chooses; `names` of it may be changed."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: DnsServer(names), local_addr=("127.0.0.1", 0)
    )
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
