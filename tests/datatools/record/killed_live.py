"""Recordings that are SIGKILLed: one per line of stdin, each in a forked process.

It adds frames in real time and kills itself right after the last of them, after reporting what was at risk.
"""

import json
import os
import signal
import sys
import time

import feeding
import numpy as np
import synthetic

from praxia.datatools.record.recorder import Recorder
from praxia.datatools.record.video import CameraEncoder

LENGTH = 50


def record(
    messages: int,
    root: str,
    index: int,
    frames: int,
    encode_s: float = 0.0,
    memory_bytes: int = 1_000_000,
    most_at_risk: int | None = None,
    exits: bool = False,
) -> None:
    if encode_s:
        take = CameraEncoder.take

        def slowly(self: CameraEncoder, image: np.ndarray | None) -> None:
            time.sleep(encode_s)
            take(self, image)

        CameraEncoder.take = slowly
    recorder = Recorder(root, synthetic.EMBODIMENT, {"seed": 0}, resume=True, memory_bytes=memory_bytes, log=[].append)
    episode = synthetic.episode(index, LENGTH)
    live = feeding.begin(recorder, index, episode)
    began_s = time.perf_counter()
    for frame in range(frames):
        time.sleep(max(0.0, began_s + frame / synthetic.EMBODIMENT.control_hz - time.perf_counter()))
        feeding.feed(live, episode, frame)
        while live.state().memory_bytes > 0.7 * memory_bytes:  # a disk that is slow for once is another test
            time.sleep(0.001)
    while most_at_risk is not None and live.state().at_risk > most_at_risk:
        time.sleep(0.001)
    state = live.state()
    os.write(messages, (json.dumps({"at_risk": state.at_risk, "on_disk": state.on_disk}) + "\n").encode())
    if not exits:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit()


for line in sys.stdin:
    listening, messages = os.pipe()
    child = os.fork()
    if not child:
        record(messages, **json.loads(line))
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    print(os.read(listening, 4096).decode(), end="", flush=True)
    os.close(listening)
    os.close(messages)
