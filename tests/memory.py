"""Memory that tests leave behind in their process."""

import ctypes
import gc
import sys


def free_memory() -> None:
    """Free scenes in graphics memory (up to 110 MB each), reference cycles, and the unused heap."""
    if "praxia.envs.render" in sys.modules:
        sys.modules["praxia.envs.render"].free_scenes()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
