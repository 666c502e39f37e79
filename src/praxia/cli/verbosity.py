"""`--quiet` and `-v`, which every verb takes: how much is printed on stderr."""

import logging
import sys
from collections.abc import Sequence

from praxia.core.errors import PraxiaError

__all__ = ["set_verbosity"]

QUIET, VERBOSE = ("--quiet",), ("-v", "--verbose")


def set_verbosity(arguments: Sequence[str]) -> list[str]:
    """Act on `--quiet` (warnings and errors alone) and `-v` (the package's log, too), and return the other arguments.

    Raises:
        PraxiaError: both are given.
    """
    quiet, verbose = (any(one in flags for one in arguments) for flags in (QUIET, VERBOSE))
    if quiet and verbose:
        raise PraxiaError("expected --quiet or -v, got both")
    if quiet:
        from praxia.studio.console import STDERR

        STDERR.quiet = True
    if verbose:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
        log = logging.getLogger("praxia")
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    return [one for one in arguments if one not in (*QUIET, *VERBOSE)]
