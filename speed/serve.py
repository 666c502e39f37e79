"""What serving costs: against a bare websocket, against batches in process, and what health waits for.

`overhead_of_echo`: the median round trip of one client minus its inference, relative to the round trip through a bare
websocket server that sends the same payload back: two images of 224 px, 301 kB, for a policy that decides at once. The
two are asked in turn; `overhead_of_echo_p5` compares their 5th percentiles, which other work disturbs least.
`clients8_of_offline`: decisions a second of eight clients that ask as fast as they are answered,
relative to batches of eight in process. `clients8_of_unbatched`: the same relative to a server that infers one request
at a time (`--exact`). Both with `flow-mt50`: two images of 80 px; medians of rounds of a second, in turn.
`health_p99_of_inference`: the 99th percentile of GET /healthz on new connections, while a client in another process
asks without a pause, relative to the median inference of `act` at 224 px; `health_idle_p99_ms`: while nobody asks.

Weights are fresh. Servers are processes of their own, with one thread of arithmetic; the eight clients are threads of
this one. All of it shares the machine's cores: on a busy machine (`load`, of a minute, from before) what waits for
several threads in a row waits longest, so overhead and health say little there.

    python speed/serve.py [--seconds 5] [--json]
"""

import argparse
import asyncio
import http.client
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from websockets.asyncio.server import ServerConnection, serve
from websockets.sync.client import ClientConnection, connect

from praxia.checkpoint.store import PolicyConfig
from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import Decision, Observation, Policy, Query
from praxia.core.window import Window
from praxia.nn.types import Shapes
from praxia.recipes import find_recipe
from praxia.serve.metrics import Metrics
from praxia.serve.run import serve_until_signal
from praxia.serve.server import PolicyServer, bind
from praxia.serve.sessions import ServedPolicy
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer
from praxia.wires import openpi
from praxia.wires.messages import InferenceRequest

CLIENTS, DIMS, TEXT = 8, 4, "open the door"
# The size of the images, and the cameras where the recipe takes any.
SIZES = {"flow-mt50": 80, "act": 224, "helix-tabletop": 64, "fis-tabletop": 64}
CAMERAS = ("top",)
TIMEOUT_S = 120.0


class Instant:
    """Decides at once, on two images of 224 px."""

    window = Window({"image.top": (0,), "image.wrist": (0,), "state": (0,)}, 8)
    privileged = False

    @property
    def embodiment(self) -> Embodiment:
        return robot(self.window.cameras, 224)

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [Decision(np.zeros((8, DIMS), np.float32), np.ones(8, bool)) for _ in queries], carry


def robot(cameras: Sequence[str], size: int) -> Embodiment:
    vectors = (Field("state", DIMS, "position", "m"),), (Field("move", DIMS, "delta", "m", low=-1.0, high=1.0),)
    return Embodiment("speed", *vectors, tuple(Camera(name, size, size) for name in cameras), 10.0)


def make_policy(name: str) -> Policy:
    """`Instant`, or a recipe's policy with fresh weights, of a robot with states and actions of four numbers."""
    if name == "instant":
        return Instant()
    torch.manual_seed(0)
    run = find_recipe(name)()
    window = run.window.with_cameras(CAMERAS)
    embodiment = robot(window.cameras, SIZES[name])
    tokenizer = TextTokenizer.fit([TEXT])
    unit = Normaliser((-1.0,) * DIMS, (1.0,) * DIMS)
    shapes = Shapes(
        window.cameras,
        num_images=window.num_images,
        num_states=len(window.observation_steps["state"]),
        embodiment_dims=((DIMS, DIMS),),
        horizon=window.horizon,
        vocab_size=tokenizer.vocab_size,
    )
    transforms = Transforms((EmbodimentTransforms(state=unit, action=unit),), tokenizer)
    config = PolicyConfig(run.model, shapes, transforms, (embodiment,), window, {})
    return config.build(run.model.build(shapes).state_dict())


def observation(policy: Policy) -> Observation:
    assert policy.embodiment is not None
    rng = np.random.default_rng(0)
    cameras = policy.embodiment.cameras
    images = {one.name: rng.integers(0, 256, (one.height, one.width, 3), dtype=np.uint8) for one in cameras}
    return Observation(images, np.zeros(DIMS, np.float32), TEXT, 0.0)


def payload(policy: Policy) -> bytes:
    seen = observation(policy)
    mapping = {"images": seen.images, "state": seen.state, "instruction": seen.instruction}
    return openpi.encode_request(InferenceRequest(mapping))


def run_server(recipe: str, exact: bool) -> None:
    """The process of a server: prints its address and serves until it is terminated."""
    torch.set_num_threads(1)
    metrics = Metrics()
    served = ServedPolicy("speed", make_policy(recipe), "fresh", exact=exact, report=partial(metrics.batch, "speed"))
    served.warm_up()
    with bind("127.0.0.1", 0) as bound:
        serve_until_signal(PolicyServer([served], metrics), bound, announce=partial(print, flush=True))


def run_echo() -> None:
    """The process of a bare websocket server."""

    async def echo(connection: ServerConnection) -> None:
        async for frame in connection:
            await connection.send(frame)

    async def main() -> None:
        async with serve(echo, "127.0.0.1", 0, compression=None, max_size=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            print(f"listening on ws://127.0.0.1:{port}", flush=True)
            await asyncio.get_running_loop().create_future()

    asyncio.run(main())


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """The address of this script's server in a process of its own."""
    command = [sys.executable, str(Path(__file__)), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        watchdog = threading.Timer(TIMEOUT_S, running.kill)
        watchdog.start()
        try:
            assert running.stdout is not None
            yield running.stdout.readline().split()[-1]
        finally:
            running.terminate()
            running.communicate()
            watchdog.cancel()


def repeat(seconds: float, call: Callable[[], None]) -> float:
    """Calls a second."""
    began_s, count = time.perf_counter(), 0
    while time.perf_counter() - began_s < seconds:
        call()
        count += 1
    return count / (time.perf_counter() - began_s)


def asked(client: ClientConnection, frame: bytes) -> tuple[float, float]:
    """The seconds of a round trip and, within, of inference."""
    began_s = time.perf_counter()
    client.send(frame)
    answer = client.recv(TIMEOUT_S)
    total_s = time.perf_counter() - began_s
    return total_s, openpi.decode_reply(answer).inference_s


def inference_s(address: str, frame: bytes, seconds: float) -> float:
    """The median inference of a server that one client asks."""
    found = []
    with connect(address, compression=None, max_size=None) as client:
        client.recv(TIMEOUT_S)
        repeat(seconds, lambda: found.append(asked(client, frame)[1]))
    return float(np.median(found))


def overheads_and_echoes_s(address: str, echo: str, frame: bytes, seconds: float) -> tuple[list[float], list[float]]:
    """Round trips minus inference, and round trips through a bare websocket, in turn."""
    overheads, echoes = [], []
    options = {"compression": None, "max_size": None}
    with connect(address, **options) as client, connect(echo, **options) as bare:
        client.recv(TIMEOUT_S)

        def ask() -> None:
            total_s, inference_s = asked(client, frame)
            overheads.append(total_s - inference_s)
            began_s = time.perf_counter()
            bare.send(frame)
            bare.recv(TIMEOUT_S)
            echoes.append(time.perf_counter() - began_s)

        repeat(seconds, ask)
    return overheads, echoes


def throughput(address: str, frame: bytes, seconds: float) -> float:
    """Decisions a second of all clients."""
    rates, ready = [0.0] * CLIENTS, threading.Barrier(CLIENTS)

    def run(number: int) -> None:
        with connect(address, compression=None, max_size=None) as client:
            client.recv(TIMEOUT_S)

            def ask() -> None:
                client.send(frame)
                client.recv(TIMEOUT_S)

            ask()
            ready.wait(TIMEOUT_S)
            rates[number] = repeat(seconds, ask)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    return sum(rates)


def offline(policy: Policy, seconds: float) -> float:
    """Decisions a second of batches in process."""
    seen = observation(policy)
    queries = [Query((seen,), f"episode {row}", 0, row) for row in range(CLIENTS)]
    carry = policy.start(CLIENTS)
    policy.act(queries, carry)
    return CLIENTS * repeat(seconds, lambda: policy.act(queries, carry) and None)


def health(address: str, seconds: float) -> list[float]:
    """The seconds of GET /healthz, each on a new connection, a hundred a second."""
    host, found = address.removeprefix("ws://"), []

    def ask() -> None:
        began_s = time.perf_counter()
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"OK\n"
        connection.close()
        found.append(time.perf_counter() - began_s)
        time.sleep(0.01)

    repeat(seconds, ask)
    return found


def run_client(address: str) -> None:
    """The process of a client that asks the server of `act` without a pause until it is terminated."""
    frame = payload(make_policy("act"))
    with connect(address, compression=None, max_size=None) as client:
        client.recv(TIMEOUT_S)
        asked(client, frame)
        print("asking", flush=True)
        repeat(math.inf, lambda: asked(client, frame) and None)


def measure_overhead(seconds: float) -> dict[str, float]:
    frame = payload(make_policy("instant"))
    with process("--server", "echo") as bare, process("--server", "instant") as address:
        times = overheads_and_echoes_s(address, bare, frame, seconds)
    (least, overhead), (least_echo, echo) = (np.percentile(found, (5, 50)).tolist() for found in times)
    return {
        "overhead_of_echo": overhead / echo,
        "overhead_of_echo_p5": least / least_echo,
        "echo_ms": echo * 1000,
        "overhead_ms": overhead * 1000,
    }


def measure_batches(seconds: float) -> dict[str, float]:
    policy = make_policy("flow-mt50")
    frame = payload(policy)
    rates = []
    with process("--server", "flow-mt50") as batched, process("--server", "flow-mt50", "--exact") as unbatched:
        for _ in range(max(1, round(seconds))):
            rates.append((throughput(batched, frame, 1.0), throughput(unbatched, frame, 1.0), offline(policy, 1.0)))
    clients8, unbatched_rates, offline_rates = np.array(rates).T
    return {
        "clients8_of_offline": float(np.median(clients8 / offline_rates)),
        "clients8_of_unbatched": float(np.median(clients8 / unbatched_rates)),
        "clients8_per_s": float(np.median(clients8)),
        "unbatched_per_s": float(np.median(unbatched_rates)),
        "offline_per_s": float(np.median(offline_rates)),
    }


def measure_health(seconds: float) -> dict[str, float]:
    with process("--server", "act") as address:
        inference = inference_s(address, payload(make_policy("act")), seconds)
        idle_s = float(np.percentile(health(address, seconds), 99))
        with process("--ask", address):
            busy_s = float(np.percentile(health(address, seconds), 99))
    return {
        "health_p99_of_inference": busy_s / inference,
        "health_p99_ms": busy_s * 1000,
        "health_idle_p99_ms": idle_s * 1000,
        "act_inference_ms": inference * 1000,
    }


def measure(seconds: float) -> dict[str, float]:
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    found = measure_overhead(seconds) | measure_batches(seconds) | measure_health(seconds)
    first = ("overhead_of_echo", "clients8_of_offline", "clients8_of_unbatched", "health_p99_of_inference")
    return {**{name: found[name] for name in first}, **found, "load": load}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--server", help=argparse.SUPPRESS)
    parser.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server is not None:
        run_echo() if options.server == "echo" else run_server(options.server, options.exact)
        return
    if options.ask is not None:
        run_client(options.ask)
        return
    found = {name: round(value, 3) for name, value in measure(options.seconds).items()}
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:24s} {value:10,.3f}")


if __name__ == "__main__":
    main()
