"""Runs a policy server until a signal ends it."""

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from praxia.serve.server import PolicyServer

if TYPE_CHECKING:
    from praxia.serve.groot import GrootServer

__all__ = ["serve_until_signal"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve_until_signal(
    server: PolicyServer,
    bound: socket.socket,
    *,
    announce: Callable[[str], None],
    groot: "tuple[GrootServer, int] | None" = None,
) -> int:
    """Listen, `announce` the addresses, and serve until SIGTERM or Ctrl-C; then answer what was asked, and end.

    A second signal ends the process at once. `bound` is what `server.bind` gave. `groot` is the server of GR00T's wire
    and its port. Returns the port of `server`.

    Raises:
        OSError: another program has begun to listen there.
    """
    return asyncio.run(_serve(server, bound, announce, groot))


async def _serve(
    server: PolicyServer,
    bound: socket.socket,
    announce: Callable[[str], None],
    groot: "tuple[GrootServer, int] | None",
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        server.stopping.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        await server.start(bound)
        host, port = bound.getsockname()[:2]
        for address in server.addresses(host, port):
            announce(f"listening on {address}")
        if groot is not None:
            announce(f"listening on tcp://127.0.0.1:{await groot[0].start(groot[1])} (GR00T)")
        await stop.wait()
        announce("ending: answering what has been asked")
    finally:
        if groot is not None:
            await groot[0].stop()
        await server.stop()
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    return port
