"""Training runs in every process of a group, one after the other: `shared_training.py JOBS`, as `launch` starts it."""

import atexit
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import killed_training
from toy_models import TOYS

from praxia.checkpoint.store import find_config
from praxia.core.config import config_from_json, config_to_json
from praxia.core.window import Window
from praxia.policies import MODELS
from praxia.training.config import TrainRun


def job(run, data, out, resume=False, start_from=None, vqa=None):
    """What `launch` takes: `run` on the data sets `data`, as JSON."""
    options = {"model": config_to_json(run.model), "train": config_to_json(run.train), "window": run.window.to_json()}
    options |= {"hold_out": run.hold_out, "data": [str(path) for path in data]}
    options |= {"out": str(out), "resume": resume}
    return {**options, "start_from": start_from and str(start_from), "vqa": vqa and str(vqa)}


def launch(jobs, *options):
    """Start torchrun with its `options`, whose processes do the jobs."""
    command = [sys.executable, "-m", "torch.distributed.run", *options, __file__, json.dumps(jobs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def shared(jobs, processes):
    """Do the jobs in that many processes of this machine."""
    expect_done([launch(jobs, "--standalone", "--nproc-per-node", str(processes))])


def shared_by_nodes(jobs_of_nodes):
    """Do each node's jobs in one process of it; the nodes are groups of processes that meet on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    options = ["--nnodes", str(len(jobs_of_nodes)), "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
    nodes = enumerate(jobs_of_nodes)
    expect_done([launch(jobs, *options, "--master-port", port, "--node-rank", str(node)) for node, jobs in nodes])


def expect_done(launched):
    said = [one.communicate(timeout=600)[0] for one in launched]
    assert not any(one.returncode for one in launched), "\n".join(said)


def expect_left():
    """Fail where a thread of gloo is left, which would abort this process now and then (docs/LOG.md)."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    if left := [name for name in names if "gloo" in name]:
        print("left as the interpreter ends:", *left, flush=True)
        os._exit(1)


def main(jobs):
    atexit.register(expect_left)  # before the runs register anything, and so called after that
    import torch

    from praxia.training.engine import train

    torch.set_num_threads(1)
    MODELS.update(TOYS)
    for one in json.loads(jobs):
        run = TrainRun(
            config_from_json(one["model"], find_config),
            Window.from_json(one["window"]),
            config_from_json(one["train"], killed_training.OPTIONS.__getitem__),
            hold_out=one["hold_out"],
        )
        paths = {name: one[name] and Path(one[name]) for name in ("start_from", "vqa")}
        more = {"recipe": "t", "command": "c", "device": "cpu", "resume": one["resume"], **paths}
        train(run, [Path(path) for path in one["data"]], Path(one["out"]), **more)


if __name__ == "__main__":
    main(sys.argv[1])
