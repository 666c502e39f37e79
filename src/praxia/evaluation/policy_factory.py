"""Policies of other people: a factory, "package.module:make" or a name of the entry-point group `praxia.policies`."""

import difflib
import hashlib
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError
from praxia.core.intent import Intent
from praxia.core.keys import canonical_json
from praxia.core.registry import names
from praxia.core.types import Policy, Query
from praxia.core.window import Window
from praxia.policies.foreign import FunctionPolicy, GuardedPolicy, exception_text
from praxia.results.fingerprint import source_sha256
from praxia.rollout.instructed import Instructed
from praxia.rollout.thinking import Thinker

__all__ = [
    "ForeignPolicy",
    "MakePolicy",
    "PolicyFactory",
    "find_imported",
    "find_registered",
    "reference_of",
    "registered_policies",
]

# From the embodiment to act for to a policy, or a function from an observation to an action.
MakePolicy = Callable[[Embodiment], Any]

_IMPORT_STRING = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

_EXPECTED = "a policy (praxia.core.types.Policy), or a function of an observation that returns an action or a chunk"


@dataclass(frozen=True)
class ForeignPolicy:
    """A policy that is no checkpoint of Praxia, and what is known of its identity.

    A checkpoint's hash covers everything that can change its actions. Of a foreign policy only this is known: `claim`
    is {"factory": "package.module:make", "distribution": its name and version, or None, "source_sha256": of the
    factory's package or file, "fingerprint": what the policy itself says, or None}.
    """

    policy: Policy
    claim: dict[str, Any]

    @property
    def policy_sha256(self) -> str:
        """The hash of the claim, marked as one: no checkpoint has an identity of this form."""
        return f"claimed:{hashlib.sha256(canonical_json(self.claim).encode()).hexdigest()}"


@dataclass(frozen=True)
class PolicyFactory:
    """`make(embodiment)` returns a policy for that embodiment; `reference` is its import string.

    `is_remote`: the policy is a server elsewhere, and `reference` the kind of server. Nothing is known of its source.
    What it raises, such as a lost connection, is no fault of an episode: it ends the evaluation.
    """

    reference: str
    make: MakePolicy
    is_remote: bool = False

    def __call__(self, embodiment: Embodiment) -> ForeignPolicy:
        """The factory's policy for `embodiment`, with what is known of it.

        Its exceptions are faults of the episode that they belong to (`policies.foreign`).

        Raises:
            PraxiaError: the factory raised an exception, or returned neither a policy nor a function.
        """
        try:
            made = self.make(embodiment)
        except PraxiaError:
            raise
        except Exception as error:
            hint = f"; it is called as {self.reference}(embodiment)" if isinstance(error, TypeError) else ""
            raise PraxiaError(f"{self.reference} {exception_text(error)}{hint}") from error
        policy = made if self.is_remote else self._as_policy(made, embodiment)
        fingerprint = self._fingerprint(made)
        return ForeignPolicy(policy, {**_origin(self), "fingerprint": fingerprint})

    def _as_policy(self, made: Any, embodiment: Embodiment) -> Policy:
        if isinstance(made, FunctionPolicy):
            return made
        if hasattr(made, "act") and not isinstance(made, type):
            needed = ("window", "privileged", "embodiment", "start")
            if missing := [name for name in needed if not hasattr(made, name)]:
                raise PraxiaError(f"{self.reference} returned a policy without {missing[0]!r}: expected {_EXPECTED}")
            if not isinstance(made.window, Window):
                got = type(made.window).__name__
                raise PraxiaError(f"{self.reference} returned a policy whose window is a {got}, expected a Window")
            guarded = GuardedPolicy(made)
            return Instructed(guarded, _NamedThinker(made, self.reference)) if isinstance(made, Thinker) else guarded
        if callable(made) and not isinstance(made, type):
            return FunctionPolicy(embodiment, lambda key: made)
        got = f"the class {made.__name__}" if isinstance(made, type) else f"a value of type {type(made).__name__}"
        raise PraxiaError(f"{self.reference} returned {got}: expected {_EXPECTED}")

    def _fingerprint(self, made: Any) -> Any:
        """What the policy's `fingerprint()` returns, if it has one."""
        if not callable(getattr(made, "fingerprint", None)):
            return None
        try:
            value = made.fingerprint()
            canonical_json(value)
        except Exception as error:
            raise PraxiaError(f"fingerprint() of {self.reference}, a JSON value, {exception_text(error)}") from error
        return value


class _NamedThinker:
    """A thinker whose exceptions say whose they are. They end the evaluation, since an intent is of many decisions."""

    def __init__(self, thinker: Thinker, reference: str):
        self._thinker = thinker
        self._reference = reference

    def think(self, queries: Sequence[Query]) -> list[Intent]:
        try:
            return list(self._thinker.think(queries))
        except Exception as error:
            raise PraxiaError(f"the thinker of {self._reference} {exception_text(error)}") from error


def reference_of(make: MakePolicy) -> str:
    """The import string of a factory that Python code has at hand."""
    return f"{make.__module__}:{getattr(make, '__qualname__', type(make).__qualname__)}"


def registered_policies() -> dict[str, str]:
    """The policies of other packages: import strings of factories by their names."""
    return names("policies", {})


def find_registered(name: str) -> PolicyFactory | None:
    """The factory that a package registered under `name`; None: there is none.

    Raises:
        PraxiaError: it cannot be imported.
    """
    registered = registered_policies()
    return _load(registered[name]) if name in registered else None


def find_imported(name: str) -> PolicyFactory | None:
    """The factory of an import string; None: `name` is none.

    The module is also looked for in the working directory, first.

    Raises:
        PraxiaError: the module cannot be found or imported, or does not have that function. Names the nearest.
    """
    if _IMPORT_STRING.fullmatch(name) is None:
        return None
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
        importlib.invalidate_caches()
    return _load(name)


def _load(reference: str) -> PolicyFactory:
    module_name, _, attribute = reference.partition(":")
    module = _import(module_name)
    try:
        make = reduce(getattr, attribute.split("."), module)
    except AttributeError:
        public = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise PraxiaError(f"module {module_name} has no {attribute!r}{_nearest(attribute, public)}") from None
    if not callable(make):
        raise PraxiaError(
            f"expected {reference} to be a function of an embodiment, got a value of type {type(make).__name__}: write"
            " `def make(embodiment): return ...` and name that"
        )
    return PolicyFactory(reference, make)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise PraxiaError(f"importing {name} {exception_text(error)}: install it beside Praxia") from error
        parent = error.name.rpartition(".")[0]
        paths = getattr(sys.modules.get(parent), "__path__", []) if parent else [str(Path.cwd())]
        found = [f"{parent}.{one.name}" if parent else one.name for one in pkgutil.iter_modules(paths)]
        where = f"{parent}" if parent else f"{Path.cwd()} or among the installed packages"
        raise PraxiaError(f"no module {error.name!r} in {where}{_nearest(error.name, found)}") from None
    except (Exception, SystemExit) as error:
        raise PraxiaError(f"importing {name} {exception_text(error)}") from error


def _nearest(name: str, valid: Iterable[str]) -> str:
    valid = sorted(valid)
    near = difflib.get_close_matches(name, valid, n=3, cutoff=0.3) or valid[:3]
    return f"; nearest: {', '.join(near)}" if near else ""


def _origin(factory: PolicyFactory) -> dict[str, Any]:
    """The factory, the installed distribution that it comes from, and the hash of its package's source."""
    if factory.is_remote:
        return {"factory": factory.reference, "distribution": None, "source_sha256": None}
    module_name = factory.reference.partition(":")[0]
    top = module_name.partition(".")[0]
    # A namespace package has no file of its own: then only the module is hashed.
    files = (getattr(sys.modules.get(name), "__file__", None) for name in (top, module_name))
    file = Path(next(filter(None, files), ""))
    source = file.parent if file.name == "__init__.py" else file
    is_local = source.parent == Path.cwd()
    distributions = [] if is_local else metadata.packages_distributions().get(top, [])
    return {
        "factory": factory.reference,
        "distribution": f"{distributions[0]} {metadata.version(distributions[0])}" if distributions else None,
        "source_sha256": source_sha256(source) if file.name else _own_source_sha256(factory.make),
    }


def _own_source_sha256(make: MakePolicy) -> str | None:
    """The hash of a function of a notebook, whose module has no file; None where its text is not known either."""
    try:
        return hashlib.sha256(inspect.getsource(make).encode()).hexdigest()
    except (OSError, TypeError):
        return None
