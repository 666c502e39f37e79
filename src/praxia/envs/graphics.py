"""Off-screen OpenGL: one context a thread, and one clear line where there is none."""

import os
import threading
from collections.abc import Callable
from typing import Any

from praxia.core.errors import GraphicsError


def _refusal(cause: Exception) -> GraphicsError:
    reason = " ".join(str(cause).split())[:120]
    return GraphicsError(
        f"no OpenGL can draw off screen with MUJOCO_GL={os.environ['MUJOCO_GL']} ({type(cause).__name__}: {reason}); "
        "unset MUJOCO_GL and run: apt-get install libegl1 libgl1 libgles2"
    )


try:
    import mujoco
except (AttributeError, OSError, RuntimeError) as error:  # a missing library, or a MUJOCO_GL that it does not know
    raise _refusal(error) from None

__all__ = ["gl_vendor", "make_current", "thread_local"]

# A GL context, and all that was uploaded into it, belongs to the thread that made it.
_thread = threading.local()


def thread_local(name: str, make: Callable[[], Any]) -> Any:
    """This thread's object of that name, made at the first call."""
    if not hasattr(_thread, name):
        setattr(_thread, name, make())
    return getattr(_thread, name)


def make_current() -> None:
    """Make this thread's GL context the current one.

    Raises:
        GraphicsError: no context can be made. One line that names the packages to install.
    """
    try:
        # Without this default the finalizer of a context that could not be made prints a second error.
        setattr(mujoco.GLContext, "_context", None)  # noqa: B010
        thread_local("context", lambda: mujoco.GLContext(64, 64)).make_current()
    except Exception as error:  # each way to OpenGL fails in its own way
        raise _refusal(error) from None


def gl_vendor() -> str:
    """Who draws, for fingerprints: vendor, renderer and version of OpenGL. Raises GraphicsError."""
    make_current()
    from OpenGL import GL

    names = (GL.GL_VENDOR, GL.GL_RENDERER, GL.GL_VERSION)
    return " | ".join(str(GL.glGetString(name), "ascii") for name in names)
