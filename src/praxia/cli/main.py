"""`praxia VERB ...`: finds the verb, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done; 2 bad input (a PraxiaError), or the system refuses (a full disk, no permission); 1 fault; 130
interrupted; 141 nobody reads on (`praxia ... | head`), as of any tool. With `--json`, stdout holds one JSON object and
nothing else.
"""

import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from praxia.cli.refusals import in_one_line
from praxia.core.errors import PraxiaError, Refused, UnknownName
from praxia.core.process import limit_threads

__all__ = ["VERBS", "main"]

# For --json alone: people have read what exactly.
WRONG_OPTIONS = "an option is missing, unknown or of another kind of value, as stderr says"

INTERRUPTED, QUIET = 130, 141  # 128 and the number of SIGINT, of SIGPIPE

VERBS = {
    "collect": "record demonstrations of scripted experts as a LeRobot v3.0 data set",
    "data": "look at, check and change data sets, and bring in those of other formats",
    "train": "train a recipe on a data set",
    "preflight": "whether checkpoint, benchmark and this machine fit, in seconds, before hours of eval",
    "eval": "judge a policy on a named benchmark, from starts it never saw",
    "compare": "which of two policies is better, from the same starts, and how sure that is",
    "leaderboard": "all results of a folder, ranked as far as they can be told apart",
    "report": "one self-contained HTML page from data sets, runs and results",
    "info": "what a data set, a policy, a run or a results file is; --benchmarks lists the benchmarks",
    "tokenizer": "fit an action tokenizer on a data set, or compare the tokenizers",
    "recipes": "list the recipes that `train` takes",
    "study": "run a named study that calls several verbs, such as the demo",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb and exit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    limit_threads()
    code, found = _run(arguments)
    # Of the processes that torchrun starts only the first speaks.
    as_json = "--json" in arguments and os.environ.get("RANK", "0") == "0"
    sys.exit(_said(_printed(code, found if as_json else None)))


def _run(arguments: list[str]) -> tuple[int, Any]:
    """The exit code, and what --json prints."""
    try:
        return 0, _result(arguments)
    except PraxiaError as error:
        return _refused(str(error), error.result if isinstance(error, Refused) else {})
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # `timeout -s INT` sends it twice, and the end has no words for it
        reason = "interrupted; what was recorded is kept, and a verb that takes --resume goes on from there"
        _say(reason)
        return INTERRUPTED, {"error": reason}
    except SystemExit as end:  # help was asked for, or options are wrong: tyro has said so
        # So does rich end where nobody reads what it prints.
        code = QUIET if end.code == 1 and _reader_gone() else int(end.code or 0)
        return code, {"error": WRONG_OPTIONS} if code == 2 else None
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_gone():
            return QUIET, None
        refusal = in_one_line(error, arguments)
        if refusal is None:
            raise
        return _refused(refusal, {})
    except RuntimeError as error:
        if not str(error).startswith("Symlink loop"):  # what pathlib raises in place of an OSError, before Python 3.13
            raise
        return _refused(f"{error}; choose another path", {})


def _result(arguments: list[str]) -> Any:
    """What the verb returns; None where it was only asked about."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia: robot foundation models, from demonstrations to a judged policy\n")
        print("\n".join(f"  praxia {verb:12s} {text}" for verb, text in VERBS.items()))
        print("\nEvery verb takes --help and --json.")
        return None
    if arguments[0] == "--version":
        from praxia import __version__

        print(__version__)
        return None
    if arguments[0] not in VERBS:
        raise UnknownName("verb", arguments[0], VERBS, "praxia --help")
    return importlib.import_module(f"praxia.cli.{arguments[0]}").run(arguments[1:])


def _refused(reason: str, found: Mapping[str, Any]) -> tuple[int, Any]:
    _say(reason)
    return 2, {"error": reason, **found}


def _say(text: str) -> None:
    if sys.stderr is None:  # it was closed, and print would take stdout in its place
        return
    with suppress(OSError):  # who does not read stderr, or has it on a full disk, still gets the exit code
        print(f"praxia: {text}", file=sys.stderr)


def _reader_gone() -> bool:
    """Whether stdout or stderr is a pipe that nobody reads any more, as of `praxia ... | head`."""
    pipes = select.poll()
    for descriptor in (1, 2):
        pipes.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in pipes.poll(0))


def _printed(code: int, found: Any) -> int:
    """Print what --json prints, if anything, and all that waits to be printed; the exit code.

    What the interpreter would write at its end it would have no words for.
    """
    if sys.stdout is None:  # it was closed
        return code
    try:
        if found is not None:
            print(json.dumps(found))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is left in the buffer
        if isinstance(error, BrokenPipeError):
            return QUIET
        if code == 0:
            _say(f"the result cannot be printed: {error.strerror}")
        return code or 2
    return code


def _said(code: int) -> int:
    """See that nothing waits to be printed on stderr, where the interpreter's end would fail; the exit code."""
    if sys.stderr is None:  # it was closed
        return code
    try:
        sys.stderr.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        return QUIET if isinstance(error, BrokenPipeError) else code
    return code
