"""What is said over each wire: who speaks first, what is answered, and what an error ends."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from praxia.core.errors import PraxiaError
from praxia.serve.connection import INTERNAL_ERROR, Connection
from praxia.wires import openpi, vla_eval
from praxia.wires.vla_eval import Message

__all__ = ["WIRES", "Wire", "serve_openpi", "serve_vla_eval"]


@dataclass(frozen=True)
class Wire:
    """`serve` talks with a client that connected below `path` ("": at the names of the policies themselves).

    `key_in_address`: its clients send no headers, so the key may be a parameter of the address.
    """

    path: str
    serve: Callable[[Connection], Awaitable[None]]
    key_in_address: bool = False


async def serve_openpi(connection: Connection) -> None:
    """The wire of `wires.openpi`, until the client goes or an error ends it."""
    session = connection.session
    await connection.send(openpi.encode_hello(session.description))
    previous_s = None
    async for frame in connection.frames():
        policy = session.policy
        try:
            message = openpi.decode(frame)
            read = partial(openpi.request_of, message, policy.embodiment, policy.window.history)
            reply = await connection.answer(message, read)
        except PraxiaError as error:
            await connection.send_error(str(error))
            await connection.end(INTERNAL_ERROR, "the request before was an error")
            return
        total_s = time.monotonic() - connection.arrived_s
        await connection.send(openpi.encode_reply(reply, total_s, previous_s))
        previous_s = total_s


async def serve_vla_eval(connection: Connection) -> None:
    """The wire of `wires.vla_eval`, until the client goes. `?execution_horizon=N` executes N actions of each chunk."""
    chunks = _Chunks(connection)
    async for frame in connection.frames():
        seq = 0
        try:
            message = vla_eval.decode(frame)
            seq = message.seq
            if (reply := await _vla_eval_reply(connection, chunks, message)) is not None:
                await connection.send(vla_eval.encode(reply))
        except PraxiaError as error:
            chunks.drop()
            await connection.send_error(vla_eval.encode(Message("error", {"error": str(error)}, seq)))


async def _vla_eval_reply(connection: Connection, chunks: "_Chunks", message: Message) -> Message | None:
    """The answer to a message; None: it has none."""
    if message.type == "hello":
        payload = vla_eval.hello_of(connection.session.description, message.payload)
        return Message("hello", payload, message.seq)
    if message.type == "episode_start":
        chunks.begin(vla_eval.episode_of(message.payload))
        return None
    if message.type == "observation":
        return Message("action", {"actions": await chunks.action(message)}, message.seq)
    return None


class _Chunks:
    """Executes the chunks of one client, which sends an observation at every step."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._num_episodes = 0
        self.drop()

    def drop(self) -> None:
        """Execute nothing more of the present chunk."""
        self._pending = np.zeros((0, self._connection.session.policy.embodiment.action_dim), np.float32)

    def begin(self, episode: str | None) -> None:
        """Begin the next episode, or the one called `episode`."""
        self.drop()
        self._num_episodes += 1
        session = self._connection.session
        session.reset(f"{session.key}/{self._num_episodes}" if episode is None else episode)

    async def action(self, message: Message) -> np.ndarray:
        """The action for an observation: the next of the chunk, or the first of a new one."""
        session = self._connection.session
        read = partial(vla_eval.request_of, message.payload, session.policy.embodiment)
        if len(self._pending):
            await self._connection.observe(message.payload, read)
        else:
            execution_horizon = self._execution_horizon()
            self._pending = (await self._connection.answer(message.payload, read)).actions[:execution_horizon]
        action, self._pending = self._pending[0], self._pending[1:]
        return action

    def _execution_horizon(self) -> int | None:
        """How many actions of a chunk are executed; None: all."""
        if (text := self._connection.parameters.get("execution_horizon")) is None:
            return None
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise PraxiaError(f"expected ?execution_horizon as a number from 1, got {text[:20]!r}")
        return int(text)


WIRES = {
    "openpi": Wire("", serve_openpi),
    "vla-eval": Wire("vla-eval", serve_vla_eval, key_in_address=True),
}
