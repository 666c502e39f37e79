"""Runs a policy server until a signal ends it."""

import asyncio
import signal
from collections.abc import Callable

from praxia.serve.server import PolicyServer

__all__ = ["serve_until_signal"]


def serve_until_signal(server: PolicyServer, host: str, port: int, *, announce: Callable[[str], None]) -> int:
    """Listen, `announce` the addresses, and serve until SIGTERM or Ctrl-C; then answer what was asked, and end.

    Returns the port, which the system chooses for 0.

    Raises:
        OSError: the address is in use, or not of this machine.
    """
    return asyncio.run(_serve(server, host, port, announce))


async def _serve(server: PolicyServer, host: str, port: int, announce: Callable[[str], None]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        port = await server.start(host, port)
        for address in server.addresses(host, port):
            announce(f"listening on {address}")
        await stop.wait()
        announce("ending: answering what has been asked")
    finally:
        await server.stop()
    return port
