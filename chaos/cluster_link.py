"""The wires between one process and each node of a Redis Cluster, broken and healed as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from testing.tcp_proxy import TcpProxy

_ADDRESS: Final = re.compile(
    rb"(127\.0\.0\.1\r\n:)(\d+)(?=\r\n)|((?:MOVED|ASK) \d+ 127\.0\.0\.1:)(\d+)"
)
"""A node's address in an answer to CLUSTER SLOTS, and in a redirection."""


class ClusterLink:
    """A TcpProxy in front of each node.

    Nodes tell clients each other's addresses. The proxies replace them, so that this process meets
    its own proxies only. An address that is cut in two by a chunk is missed: that connection goes
    past the proxy, and is spared.
    """

    def __init__(self, name: str, nodes: Sequence[int]) -> None:
        """`nodes`: their ports."""
        self.name = name
        self._proxies = {port: TcpProxy(name, port, translate=self._translate) for port in nodes}

    @property
    def ports(self) -> list[int]:
        """The near ends, in the order of the nodes."""
        return [proxy.port for proxy in self._proxies.values()]

    def slow_down(self, *, delay: float = 0.0, rate: float = 0.0) -> None:
        for proxy in self._proxies.values():
            proxy.slow_down(delay=delay, rate=rate)

    async def start(self) -> None:
        for proxy in self._proxies.values():
            await proxy.start()

    async def close(self) -> None:
        for proxy in self._proxies.values():
            await proxy.close()

    def cut(self) -> None:
        for proxy in self._proxies.values():
            proxy.cut()

    def reset(self) -> None:
        for proxy in self._proxies.values():
            proxy.reset()

    def break_frames(self, chunks: int) -> None:
        for proxy in self._proxies.values():
            proxy.break_frames(chunks)

    def stall(self) -> None:
        for proxy in self._proxies.values():
            proxy.stall()

    def heal(self) -> None:
        for proxy in self._proxies.values():
            proxy.heal()

    def _translate(self, data: bytes) -> bytes:
        return _ADDRESS.sub(self._near, data)

    def _near(self, found: re.Match[bytes]) -> bytes:
        before, port = found[1] or found[3], int(found[2] or found[4])
        proxy = self._proxies.get(port)
        return before + str(proxy.port if proxy else port).encode()
