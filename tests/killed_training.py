"""A training run in a process of its own: `killed_training.py RUN DATA OUT [N [THREAD]]`, as `command` gives it.

It resumes what OUT holds and prints every reported step, slowly. At its N-th fsync, counted in threads whose name
begins with THREAD, it kills itself by SIGKILL.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from toy_models import TOYS

from praxia.checkpoint.store import find_config
from praxia.core.config import config_from_json, config_to_json
from praxia.core.window import Window
from praxia.policies import MODELS
from praxia.training.augmentation import Augmentation
from praxia.training.config import Train, TrainRun

OPTIONS = {"train": Train, "augmentation": Augmentation}


def command(run, data, out, *when):
    """The command line for `run` on the data set `data`; `when` are N and THREAD."""
    options = {"model": config_to_json(run.model), "train": config_to_json(run.train)}
    options |= {"window": run.window.to_json(), "hold_out": run.hold_out}
    return [sys.executable, __file__, json.dumps(options), *map(str, (data, out, *when))]


def main(options, data, out, last="0", thread=""):
    import torch

    from praxia.training.engine import train

    torch.set_num_threads(1)
    MODELS.update(TOYS)
    calls, fsync = [], os.fsync

    def counting(file):
        if threading.current_thread().name.startswith(thread):
            calls.append(file)
            if len(calls) == int(last):
                os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    def report(step, metrics):
        print(step, flush=True)
        time.sleep(0.2)

    os.fsync = counting
    value = json.loads(options)
    run = TrainRun(
        config_from_json(value["model"], find_config),
        Window.from_json(value["window"]),
        config_from_json(value["train"], OPTIONS.__getitem__),
        hold_out=value["hold_out"],
    )
    train(run, [Path(data)], Path(out), recipe="t", command="c", resume=True, report=report)


if __name__ == "__main__":
    main(*sys.argv[1:])
