"""Off-screen OpenGL: the one door through which this room imports MuJoCo, and one GL context a thread.

MuJoCo picks its way to OpenGL while it is imported, so the choice must be made before. EGL needs no display.
"""

import os
import threading

from praxia.core.errors import GraphicsError

os.environ.setdefault("MUJOCO_GL", "egl")

_HINT = (
    "no OpenGL can draw off screen (MUJOCO_GL={setting}: {cause}); "
    "install it: apt-get install libegl1 libgl1 libgles2, and use MUJOCO_GL=egl"
)


def _refusal(cause: Exception) -> GraphicsError:
    return GraphicsError(_HINT.format(setting=os.environ["MUJOCO_GL"], cause=" ".join(str(cause).split())[:120]))


try:
    import mujoco
except RuntimeError as error:  # MuJoCo refuses a MUJOCO_GL that it does not know
    raise _refusal(error) from None

__all__ = ["gl_vendor", "make_current", "mujoco"]

_thread = threading.local()


def make_current() -> None:
    """Make this thread's GL context the current one, creating it at the first call.

    Raises:
        GraphicsError: no context can be made. One line: which packages to install.
    """
    if not hasattr(_thread, "context"):
        try:
            _thread.context = mujoco.GLContext(64, 64)
        except Exception as error:  # missing libraries surface as any of Attribute-, Import- and RuntimeError
            raise _refusal(error) from None
    _thread.context.make_current()


def gl_vendor() -> str:
    """Who draws, for fingerprints: vendor, renderer and version of OpenGL. Raises GraphicsError."""
    make_current()
    from OpenGL import GL

    return " | ".join(GL.glGetString(name).decode() for name in (GL.GL_VENDOR, GL.GL_RENDERER, GL.GL_VERSION))
