"""`praxia VERB ...`: finds the verb, runs it, and turns errors into one line and an exit code.

Exit codes: 0 success; 2 bad input (a PraxiaError) or a system error (a full disk, no permission); 1 internal error; 130
interrupted; 141 broken pipe (`praxia ... | head`). With `--json`, stdout holds one JSON object and nothing else.
"""

import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from typing import Any

from praxia.cli.system_errors import describe_system_error
from praxia.cli.verbosity import set_verbosity
from praxia.core.errors import CheckFailed, PraxiaError, UnknownName
from praxia.core.process import limit_threads

__all__ = ["VERBS", "main"]

# Only for --json: stderr has the details.
WRONG_OPTIONS = "an option is missing, unknown or has a wrong value; see stderr"

INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + SIGINT, 128 + SIGPIPE

VERBS = {
    "collect": "record demonstrations of scripted experts as a LeRobot v3.0 data set",
    "data": "view, check, edit, import and export data sets",
    "train": "train a recipe on a data set",
    "reinforce": "train a specialist of one task by trial, on the simulator's state",
    "preflight": "check in seconds whether checkpoint, benchmark and this machine fit together",
    "eval": "evaluate a policy on a named benchmark, from unseen starts",
    "imagine": "imagine recorded episodes in a world, beside what was recorded: errors and videos",
    "plan": "plan in a world, or in the simulator itself, and evaluate that on a benchmark",
    "serve": "serve policies over the network to robots, simulators and `praxia eval`",
    "compare": "decide which of two policies is better, with statistics",
    "leaderboard": "rank all results in a folder, as far as they can be distinguished",
    "report": "write a self-contained HTML page from data sets, runs and results",
    "info": "describe a data set, policy, run or results file; --benchmarks lists the benchmarks",
    "tokenizer": "fit an action tokenizer on a data set, or compare all tokenizers",
    "recipes": "list the recipes of `train`",
    "study": "run a named study of several verbs, such as the demo",
}


# What verbs were called, and what is at home in another place.
OTHER_NAMES = {
    "codes": "tokenizer",
    "evaluate": "eval",
    "test": "eval",
    "record": "collect",
    "finetune": "train",
    "fine-tune": "train",
    "fit": "train",
    "list": "recipes",
    "models": "recipes",
    "benchmarks": "info --benchmarks",
    "policies": "info --policies",
    "tasks": "info --tasks",
    "merge": "data edit merge",
    "split": "data edit split",
    "check": "data check",
    "convert": "data import",
    "import": "data import",
    "export": "data export",
    "stats": "data stats",
    "view": "data view",
    "visualize": "data view",
    "mix": "data mix",
    "cache": "data cache",
    "edit": "data edit",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb and exit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    limit_threads()
    # What others print, such as a policy of the user's own, goes to stderr: stdout is for the object.
    with redirect_stdout(sys.stderr) if "--json" in arguments else nullcontext():
        code, result = _run(arguments)
    # Of the processes that torchrun starts, only the first prints.
    as_json = "--json" in arguments and os.environ.get("RANK", "0") == "0"
    sys.exit(_print_and_flush(code, result if as_json else None))


def _run(arguments: list[str]) -> tuple[int, Any]:
    """The exit code and the object that --json prints."""
    try:
        return 0, _result(set_verbosity(arguments))
    except PraxiaError as error:
        return _refused(str(error), error.result if isinstance(error, CheckFailed) else {})
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # `timeout -s INT` sends it twice
        reason = "interrupted; what was written is kept, and a verb with --resume continues from there"
        return _print_error(reason, INTERRUPTED), {"error": reason}
    except SystemExit as end:  # --help, or wrong options, which tyro has reported
        # rich exits with 1 on a broken pipe.
        code = BROKEN_PIPE if end.code == 1 and _is_pipe_broken() else int(end.code or 0)
        return code, {"error": WRONG_OPTIONS} if code == 2 else None
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_pipe_broken():
            return BROKEN_PIPE, None
        reason = describe_system_error(error, arguments)
        if reason is None:
            raise
        return _refused(reason, {})
    except RuntimeError as error:
        if not str(error).startswith("Symlink loop"):  # pathlib raises it in place of an OSError before Python 3.13
            raise
        return _refused(f"{error}; choose another path", {})


def _result(arguments: list[str]) -> Any:
    """The result of the verb; None for help and the version."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia: robot foundation models, from demonstrations to an evaluated policy\n")
        print("\n".join(f"  praxia {verb:12s} {text}" for verb, text in VERBS.items()))
        print(
            "\nEvery verb takes --help, --json (one JSON object on stdout), --quiet (warnings and errors alone) and -v."
        )
        return None
    if arguments[0] == "--version":
        from praxia import __version__

        print(__version__)
        return None
    if arguments[0] not in VERBS:
        raise UnknownName("verb", arguments[0], VERBS, "praxia --help", nearest=OTHER_NAMES.get(arguments[0]))
    return importlib.import_module(f"praxia.cli.{arguments[0]}").run(arguments[1:])


def _refused(reason: str, result: Mapping[str, Any]) -> tuple[int, Any]:
    return _print_error(reason, 2), {"error": reason, **result}


def _print_error(text: str, code: int) -> int:
    """Print one line on stderr. Returns `code`, or that of a broken pipe, which shows here only without a buffer."""
    if sys.stderr is None:  # closed: print would write to stdout instead
        return code
    try:
        print(f"praxia: {text}", file=sys.stderr)
    except OSError as error:  # a full disk does not change the exit code
        return BROKEN_PIPE if isinstance(error, BrokenPipeError) else code
    return code


def _is_pipe_broken() -> bool:
    """Whether stdout or stderr is a pipe without a reader, as in `praxia ... | head`."""
    pipes = select.poll()
    for descriptor in (1, 2):
        pipes.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in pipes.poll(0))


def _print_and_flush(code: int, result: Any) -> int:
    """Print `result` as JSON unless it is None, and flush stdout and stderr. Returns the exit code.

    Flushing here reports errors that the interpreter could not report at its exit.
    """
    if sys.stdout is not None:  # None: it was closed
        try:
            if result is not None:
                print(json.dumps(result))
            sys.stdout.flush()
        except OSError as error:
            _discard(1)
            if isinstance(error, BrokenPipeError):
                code = BROKEN_PIPE
            else:
                code = code or _print_error(f"the result cannot be printed: {error.strerror}", 2)
    if sys.stderr is not None:
        try:
            sys.stderr.flush()
        except OSError as error:
            _discard(2)
            if isinstance(error, BrokenPipeError):
                code = BROKEN_PIPE
    return code


def _discard(descriptor: int) -> None:
    """Send what is left in the buffer of stdout (1) or stderr (2) to the null device."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
