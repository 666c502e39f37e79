"""GR00T's wire over ZeroMQ: a socket of its own, on this machine alone, beside the websockets of one policy.

ZeroMQ knows clients by an identity and does not say when one has gone: the client that has been silent longest makes
room for a new one. A client's rows are episodes of their own; `reset` begins the next of each.
"""

import asyncio
import contextlib
import hmac
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from praxia.core.errors import MismatchError, PraxiaError, optional_import
from praxia.core.types import Query
from praxia.serve.connection import Limits
from praxia.serve.metrics import Metrics
from praxia.serve.sessions import ClientSession, ServedPolicy, executable_actions
from praxia.serve.worker import Answer, answered
from praxia.wires import groot
from praxia.wires.messages import InferenceRequest

with optional_import("the wire of GR00T", "serve"):
    import zmq
    from zmq.asyncio import Context, Socket

__all__ = ["GrootServer"]

HOST = "127.0.0.1"


@dataclass
class _Client:
    """The sessions of a client's rows, and whether a request of it is being answered."""

    sessions: list[ClientSession] = field(default_factory=list)
    num_episodes: int = 0
    is_busy: bool = False


class GrootServer:
    """Serves `policy` to clients of GR00T on this machine. With an `api_key` each request needs it as its api_token."""

    def __init__(
        self, policy: ServedPolicy, metrics: Metrics, *, limits: Limits | None = None, api_key: str | None = None
    ):
        self._policy, self._metrics = policy, metrics
        self._limits, self._api_key = limits or Limits(), api_key
        self._clients: dict[bytes, _Client] = {}  # those silent longest first
        self._tasks: set[asyncio.Task[None]] = set()
        self._receiving: asyncio.Task[None] | None = None

    async def start(self, port: int) -> int:
        """Listen on this machine; the port, which the system chooses for 0.

        Raises:
            OSError: the port is in use.
        """
        self._context = Context()
        self._socket: Socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.MAXMSGSIZE, self._limits.max_message_bytes)
        self._socket.setsockopt(zmq.LINGER, int(self._limits.patience_s * 1000))
        try:
            self._socket.bind(f"tcp://{HOST}:{port or '*'}")
        except zmq.ZMQError as error:
            self._socket.close(linger=0)
            raise OSError(error.errno, os.strerror(error.errno or 0)) from error
        self._receiving = asyncio.create_task(self._receive())
        return int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    async def stop(self) -> None:
        """Answer what has been asked, and close."""
        if self._receiving is None:
            return
        self._receiving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._receiving
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._limits.patience_s)
        for identity in list(self._clients):
            self._forget(identity)
        self._socket.close()
        await asyncio.to_thread(self._context.term)

    async def _receive(self) -> None:
        while True:
            frames = await self._socket.recv_multipart()
            if len(frames) != 3:  # no request of a REQ socket: nobody waits for an answer
                continue
            identity, _, frame = frames
            task = asyncio.create_task(self._reply(identity, frame))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _reply(self, identity: bytes, frame: bytes) -> None:
        try:
            answer = await self._answer(identity, groot.decode(frame))
        except PraxiaError as error:
            self._metrics.failed(self._policy.name)
            answer = groot.encode({"error": str(error)})
        with contextlib.suppress(zmq.ZMQError):  # the client has gone
            async with asyncio.timeout(self._limits.patience_s):
                await self._socket.send_multipart([identity, b"", answer])

    async def _answer(self, identity: bytes, request: groot.Request) -> bytes:
        if self._api_key is not None and not hmac.compare_digest(request.token.encode(), self._api_key.encode()):
            raise PraxiaError("expected the key of this server as api_token")
        if request.endpoint == "ping":
            return groot.encode({"status": "ok", "message": "Server is running"})
        if request.endpoint == "get_modality_config":
            return groot.encode(groot.modality_config(self._policy.embodiment, self._policy.window))
        client = self._client(identity)
        if request.endpoint == "reset":
            client.num_episodes += 1
            for session in client.sessions:
                session.reset(f"{session.key}/{client.num_episodes}")
            return groot.encode({})
        if client.is_busy:
            raise PraxiaError("expected one request at a time: the one before is not answered yet")
        client.is_busy = True
        try:
            requests = await asyncio.to_thread(groot.requests_of, request.data, self._policy.embodiment)
            return await self._actions(identity, client, requests)
        finally:
            client.is_busy = False

    async def _actions(self, identity: bytes, client: _Client, requests: list[InferenceRequest]) -> bytes:
        """The actions of all rows, which are asked about together. After an error no row has observed anything."""
        if len(requests) > self._limits.max_sessions:
            raise MismatchError(f"expected at most {self._limits.max_sessions} rows, got {len(requests)}")
        while len(client.sessions) < len(requests):
            client.sessions.append(self._open(identity))
        began_s = time.monotonic()
        sessions = client.sessions[: len(requests)]
        before = [session.episode for session in sessions]
        asked: list[Future[Answer]] = []
        try:
            queries = await asyncio.to_thread(_observe, sessions, requests)
            async with asyncio.timeout(self._limits.answer_s):
                loop = asyncio.get_running_loop()
                for session, query in zip(sessions, queries, strict=True):
                    asked.append(session.submit(query, loop=loop))
                answers = [await answered(one) for one in asked]
            chunks = [executable_actions(answer, self._policy.embodiment) for answer in answers]
        except (PraxiaError, TimeoutError) as error:
            for one in asked:  # nobody awaits the other rows any more
                one.cancel()
            for session, episode in zip(sessions, before, strict=True):
                session.episode = episode
            if isinstance(error, TimeoutError):
                raise PraxiaError(f"expected an answer within {self._limits.answer_s:g} s, got none") from None
            raise
        self._metrics.replied(self._policy.name, time.monotonic() - began_s)
        return groot.encode_actions(chunks, self._policy.embodiment)

    def _client(self, identity: bytes) -> _Client:
        """The client of that identity, which is now the last to have spoken."""
        client = self._clients.pop(identity, None) or _Client()
        self._clients[identity] = client
        if len(self._clients) > self._limits.max_sessions:  # those without sessions count, too
            silent = next((one for one, other in self._clients.items() if one != identity and not other.is_busy), None)
            if silent is not None:
                self._forget(silent)
        return client

    def _open(self, identity: bytes) -> ClientSession:
        """A session; where there is no place, of the client that has been silent longest.

        Raises:
            PraxiaError: all places are taken by clients that are being answered, or by other wires.
        """
        while self._policy.num_sessions == self._policy.max_sessions:
            silent = [one for one, client in self._clients.items() if one != identity and not client.is_busy]
            if not silent:
                break
            self._forget(silent[0])
        session = self._policy.open()
        self._metrics.sessions(self._policy.name, self._policy.num_sessions)
        return session

    def _forget(self, identity: bytes) -> None:
        for session in self._clients.pop(identity).sessions:
            session.close()
        self._metrics.sessions(self._policy.name, self._policy.num_sessions)


def _observe(sessions: Sequence[ClientSession], requests: Sequence[InferenceRequest]) -> list[Query]:
    return [session.observe(request) for session, request in zip(sessions, requests, strict=True)]
