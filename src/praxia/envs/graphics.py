"""Off-screen OpenGL: one context per thread, and a one-line error if there is none."""

import os
import threading
from collections.abc import Callable
from typing import Any

from praxia.core.errors import GraphicsError


def _refusal(cause: Exception) -> GraphicsError:
    reason = " ".join(str(cause).split())[:120]
    return GraphicsError(
        f"OpenGL cannot render off screen with MUJOCO_GL={os.environ['MUJOCO_GL']} ({type(cause).__name__}: {reason}); "
        "unset MUJOCO_GL and run: apt-get install libegl1 libgl1 libgles2"
    )


try:
    import mujoco
except (AttributeError, OSError, RuntimeError) as error:  # a missing library, or an unknown MUJOCO_GL
    raise _refusal(error) from None

__all__ = ["gl_vendor", "make_current", "thread_local"]

# A GL context, and all that was uploaded into it, belongs to the thread that created it.
_thread = threading.local()


def thread_local(name: str, make: Callable[[], Any]) -> Any:
    """This thread's object of that name, created at the first call."""
    if not hasattr(_thread, name):
        setattr(_thread, name, make())
    return getattr(_thread, name)


def make_current() -> None:
    """Make this thread's GL context the current one.

    Raises:
        GraphicsError: no context can be created. One line that names the packages to install.
    """
    try:
        # Without this default, the finalizer of a context that could not be created prints a second error.
        setattr(mujoco.GLContext, "_context", None)  # noqa: B010
        thread_local("context", lambda: mujoco.GLContext(64, 64)).make_current()
    except Exception as error:  # each backend fails in its own way
        raise _refusal(error) from None


def gl_vendor() -> str:
    """Vendor, renderer and version of OpenGL, for provenance. Raises GraphicsError."""
    make_current()
    from OpenGL import GL

    names = (GL.GL_VENDOR, GL.GL_RENDERER, GL.GL_VERSION)
    return " | ".join(str(GL.glGetString(name), "ascii") for name in names)
