"""Runs a policy server until a signal ends it."""

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from praxia.serve.server import PolicyServer

if TYPE_CHECKING:
    from praxia.serve.groot import GrootServer

__all__ = ["serve_until_signal"]


def serve_until_signal(
    server: PolicyServer,
    host: str,
    port: int,
    *,
    announce: Callable[[str], None],
    groot: "tuple[GrootServer, int] | None" = None,
) -> int:
    """Listen, `announce` the addresses, and serve until SIGTERM or Ctrl-C; then answer what was asked, and end.

    `groot` is the server of GR00T's wire and its port. Returns the port of `server`, which the system chooses for 0.

    Raises:
        OSError: the address is in use, or not of this machine.
    """
    return asyncio.run(_serve(server, host, port, announce, groot))


async def _serve(
    server: PolicyServer,
    host: str,
    port: int,
    announce: Callable[[str], None],
    groot: "tuple[GrootServer, int] | None",
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        port = await server.start(host, port)
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
    return port
