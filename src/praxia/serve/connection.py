"""One client's connection: its frames, its requests and replies, in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from praxia.core.errors import PraxiaError, expect_positive, optional_import
from praxia.serve.metrics import Metrics
from praxia.serve.sessions import ClientSession, executable_actions
from praxia.wires.messages import InferenceReply, InferenceRequest

with optional_import("a policy server", "serve"):
    from websockets.asyncio.server import ServerConnection

__all__ = ["GOING_AWAY", "INTERNAL_ERROR", "Connection", "Limits"]

# Close codes of websockets (RFC 6455).
GOING_AWAY, INTERNAL_ERROR = 1001, 1011


@dataclass(frozen=True)
class Limits:
    """What one server grants its clients.

    `max_sessions` clients at once under each policy, messages of at most `max_message_bytes`, and `max_rate_hz`
    requests a second of each client, beyond which it waits. A client that takes longer than `patience_s` to connect, to
    take a reply or to answer a ping is disconnected, and a request that is not answered in `answer_s` is an error.

    Raises:
        PraxiaError: one of them is not positive.
    """

    max_sessions: int = 256
    max_message_bytes: int = 32 * 2**20
    max_rate_hz: float = 1000.0
    patience_s: float = 20.0
    answer_s: float = 300.0

    def __post_init__(self) -> None:
        expect_positive(max_sessions=self.max_sessions, max_message_bytes=self.max_message_bytes)
        for name in ("max_rate_hz", "patience_s", "answer_s"):
            if not getattr(self, name) > 0:
                raise PraxiaError(f"expected {name} above 0, got {getattr(self, name)}")


class Connection:
    """A websocket with the `session` of its client. It is in `busy` from a request until its reply has been sent.

    `parameters` are those of the address: `ws://HOST:PORT/NAME?parameter=value`.
    """

    def __init__(
        self,
        socket: ServerConnection,
        session: ClientSession,
        parameters: Mapping[str, str],
        limits: Limits,
        metrics: Metrics,
        busy: "set[Connection]",
    ):
        self.session = session
        self.parameters = parameters
        self._socket, self._limits, self._metrics, self._busy = socket, limits, metrics, busy
        self._next_s = 0.0

    def frames(self) -> AsyncIterator[bytes | str]:
        """What the client sends, until it or an error ends the connection."""
        return aiter(self._socket)

    async def answer(self, request: InferenceRequest) -> InferenceReply:
        """The policy's answer to a request that has just arrived. A client that asks too often waits.

        Raises:
            PraxiaError: the request does not fit the policy, or its answer does not come in time or is no good.
        """
        self._busy.add(self)
        began_s = time.monotonic()
        if began_s < self._next_s:
            await asyncio.sleep(self._next_s - began_s)
        self._next_s = max(began_s, self._next_s) + 1 / self._limits.max_rate_hz
        policy = self.session.policy
        try:
            async with asyncio.timeout(self._limits.answer_s):
                answer = await asyncio.wrap_future(self.session.ask(request))
        except TimeoutError:
            raise PraxiaError(f"expected an answer within {self._limits.answer_s:g} s, got none") from None
        actions = executable_actions(answer, policy.embodiment)
        self._metrics.replied(policy.name, time.monotonic() - began_s)
        return InferenceReply(actions, answer.inference_s)

    async def send(self, frame: bytes | str) -> None:
        """Send a frame.

        Raises:
            TimeoutError: the client did not take it in time, and was disconnected.
        """
        try:
            async with asyncio.timeout(self._limits.patience_s):
                await self._socket.send(frame)
        except TimeoutError:
            self._socket.transport.abort()
            raise
        finally:
            self._busy.discard(self)

    async def send_error(self, frame: bytes | str) -> None:
        """Send the answer to a request that was an error."""
        self._metrics.failed(self.session.policy.name)
        await self.send(frame)

    async def end(self, code: int, reason: str) -> None:
        """Close the websocket; the reason is cut to what the protocol allows."""
        await self._socket.close(code, reason[:100])
