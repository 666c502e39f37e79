"""`praxia VERB ...`: finds the verb, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done, 2 bad input (a PraxiaError), 1 fault. With `--json`, stdout holds one JSON object and nothing else.
"""

import importlib
import json
import os
import sys
from collections.abc import Sequence

from praxia.core.errors import PraxiaError, Refused, UnknownName
from praxia.core.process import limit_threads

__all__ = ["VERBS", "main"]

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
    "codes": "fit a code of actions on a data set, or compare the codes there are",
    "recipes": "list the recipes that `train` takes",
    "study": "run a named study that calls several verbs, such as the demo",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb and exit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("praxia: robot foundation models, from demonstrations to a judged policy\n")
        print("\n".join(f"  praxia {verb:12s} {text}" for verb, text in VERBS.items()))
        print("\nEvery verb takes --help and --json.")
        sys.exit(0)
    limit_threads()
    sys.exit(_run(arguments[0], arguments[1:]))


def _run(verb: str, arguments: list[str]) -> int:
    # Of the processes that torchrun starts only the first speaks.
    as_json = "--json" in arguments and os.environ.get("RANK", "0") == "0"
    try:
        if verb == "--version":
            from praxia import __version__

            print(__version__)
            return 0
        if verb not in VERBS:
            raise UnknownName("verb", verb, VERBS, "praxia --help")
        result = importlib.import_module(f"praxia.cli.{verb}").run(arguments)
    except PraxiaError as error:
        print(f"praxia: {error}", file=sys.stderr)
        if as_json:
            found = error.result if isinstance(error, Refused) else {}
            print(json.dumps({"error": str(error), **found}))
        return 2
    except KeyboardInterrupt:
        print("praxia: interrupted; what was recorded is kept, go on with --resume", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(result))
    return 0
