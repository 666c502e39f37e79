"""One client's connection: its frames, its requests and replies, in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from praxia.core.errors import PraxiaError, expect_positive, optional_import
from praxia.core.types import Query
from praxia.serve.metrics import Metrics
from praxia.serve.sessions import ClientSession, executable_actions
from praxia.serve.worker import answered
from praxia.wires.messages import InferenceReply, InferenceRequest

with optional_import("a policy server", "serve"):
    from websockets.asyncio.server import ServerConnection

__all__ = ["GOING_AWAY", "INTERNAL_ERROR", "Connection", "Limits"]

# Close codes of websockets (RFC 6455).
GOING_AWAY, INTERNAL_ERROR = 1001, 1011

# Maps and lists of an observation within each other: the message, "earlier", an observation, "images".
_MAX_DEPTH = 4


@dataclass(frozen=True)
class Limits:
    """What one server grants its clients.

    `max_sessions` clients at once under each policy, messages of at most `max_message_bytes`, and `max_rate_hz`
    messages a second of each client, beyond which it waits. Of clients that have not said yet what they want there are
    at most `max_entering`; the one that has been silent longest makes room for the next. A client that takes longer
    than `patience_s` to connect, to take a reply or to answer a ping is disconnected, and a request that is not
    answered in `answer_s` is an error.

    Raises:
        PraxiaError: one of them is not positive.
    """

    max_sessions: int = 256
    max_message_bytes: int = 32 * 2**20
    max_rate_hz: float = 1000.0
    patience_s: float = 20.0
    answer_s: float = 300.0
    max_entering: int = 128

    def __post_init__(self) -> None:
        for name in ("max_sessions", "max_message_bytes", "max_entering"):
            expect_positive(**{name: getattr(self, name)})
        for name in ("max_rate_hz", "patience_s", "answer_s"):
            if not getattr(self, name) > 0:
                raise PraxiaError(f"expected {name} above 0, got {getattr(self, name)}")


class Connection:
    """A websocket with the `session` of its client. It is in `busy` from a message until the next one is awaited.

    `parameters` are those of the address: `ws://HOST:PORT/NAME?parameter=value`. Once `stopping` is set, what a client
    still sends is not read. `arrived_s` is when the last message arrived, a time of `time.monotonic`.
    """

    def __init__(
        self,
        socket: ServerConnection,
        session: ClientSession,
        parameters: Mapping[str, str],
        limits: Limits,
        metrics: Metrics,
        busy: "set[Connection]",
        stopping: asyncio.Event,
    ):
        self.session = session
        self.parameters = parameters
        self._socket, self._limits, self._metrics = socket, limits, metrics
        self._busy, self._stopping = busy, stopping
        self._image_shapes = {(one.height, one.width, 3) for one in session.policy.embodiment.cameras}
        self._next_s = 0.0
        self.arrived_s = 0.0

    async def frames(self) -> AsyncIterator[bytes | str]:
        """What the client sends, until it, an error or the server's end ends the connection.

        A client that sends too often waits.
        """
        async for frame in self._socket:
            if self._stopping.is_set():
                await self.end(GOING_AWAY, "the server is ending")
                return
            self._busy.add(self)
            self.arrived_s = time.monotonic()
            if self.arrived_s < self._next_s:
                await asyncio.sleep(self._next_s - self.arrived_s)
            self._next_s = max(self.arrived_s, self._next_s) + 1 / self._limits.max_rate_hz
            yield frame
            self._busy.discard(self)

    async def observe(self, message: Any, read: Callable[[], InferenceRequest]) -> Query:
        """The query of the observation that `read` finds in `message`, the last one.

        Raises:
            PraxiaError: as `read` and `ClientSession.observe`.
        """
        query, _ = await self._query(message, read)
        return query

    async def answer(self, message: Any, read: Callable[[], InferenceRequest]) -> InferenceReply:
        """The policy's answer to the request that `read` finds in `message`, the last one.

        After an error the session is as before, so the client may send its observation again.

        Raises:
            PraxiaError: the request does not fit the policy, or its answer does not come in time or is no good.
        """
        session = self.session
        before = session.episode
        try:
            query, deadline_s = await self._query(message, read)
            async with asyncio.timeout(self._limits.answer_s):
                answer = await answered(session.submit(query, deadline_s, asyncio.get_running_loop()))
            actions = executable_actions(answer, session.policy.embodiment)
        except TimeoutError:
            session.episode = before
            raise PraxiaError(f"expected an answer within {self._limits.answer_s:g} s, got none") from None
        except PraxiaError:
            session.episode = before
            raise
        self._metrics.replied(session.policy.name, time.monotonic() - self.arrived_s)
        return InferenceReply(actions, answer.inference_s)

    async def _query(self, message: Any, read: Callable[[], InferenceRequest]) -> tuple[Query, float | None]:
        """The query, and the time of `time.monotonic` by which its inference has to begin.

        Images that have to be decoded or resized are, in a thread: that takes a while. Else a thread would only cost.
        """
        if _is_ready(message, self._image_shapes):
            return self._read(read)
        return await asyncio.to_thread(self._read, read)

    def _read(self, read: Callable[[], InferenceRequest]) -> tuple[Query, float | None]:
        request = read()
        query = self.session.observe(request)
        return query, None if request.deadline_s is None else self.arrived_s + request.deadline_s

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

    async def send_error(self, frame: bytes | str) -> None:
        """Send the answer to a request that was an error."""
        self._metrics.failed(self.session.policy.name)
        await self.send(frame)

    async def end(self, code: int, reason: str) -> None:
        """Close the websocket; the reason is cut to what the protocol allows."""
        await self._socket.close(code, reason[:100])


def _is_ready(value: Any, image_shapes: set[tuple[int, int, int]], depth: int = 0) -> bool:
    """Whether all images of a message are arrays of `image_shapes`: none has to be decoded or resized."""
    if isinstance(value, np.ndarray):
        return value.ndim < 3 or (value.dtype == np.uint8 and value.shape in image_shapes)
    if not isinstance(value, dict | list):
        return True
    entries = value.values() if isinstance(value, dict) else value
    is_compressed = isinstance(value, dict) and ("__image__" in value or b"__image__" in value)
    return not is_compressed and depth < _MAX_DEPTH and all(_is_ready(one, image_shapes, depth + 1) for one in entries)
