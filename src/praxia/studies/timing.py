"""Processor time of a call on one thread."""

import time
from collections.abc import Callable
from statistics import median

import torch

__all__ = ["median_cpu_s"]


def median_cpu_s(call: Callable[[], object], times: int = 15) -> float:
    """The median processor time of a call, in seconds, of `times` calls but the first third, which warm up.

    On one thread; the number of threads is restored.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times_s = []
    for _ in range(times):
        began_s = time.process_time()
        call()
        times_s.append(time.process_time() - began_s)
    torch.set_num_threads(threads)
    return median(times_s[times // 3 :])
