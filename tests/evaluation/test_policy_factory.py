import re
import sys
from pathlib import Path

import numpy as np
import pytest
from praxia_testing import EMBODIMENT, make_query

from praxia.core.errors import PraxiaError
from praxia.evaluation.policy_factory import PolicyFactory, registered_policies
from praxia.evaluation.policy_resolver import resolve_policy
from praxia.policies.foreign import FunctionPolicy, GuardedPolicy

CODE = """
from praxia.policies.foreign import FunctionPolicy

A_NUMBER = 3

def make(embodiment):
    return lambda observation: [embodiment.action_dim, 0.0]

class Group:
    make = staticmethod(make)
"""
WITH_WEIGHTS = """
from pathlib import Path
from praxia.policies.foreign import FunctionPolicy

def make(embodiment):
    return FunctionPolicy(embodiment, print, fingerprint=Path("weights").read_text())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def write(path: Path, text: str = CODE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("name", ["mine:make", "mine:Group.make", "pack.age:make"])
def test_a_module_of_the_working_directory_is_found_when_it_is_named(here, name):
    write(here / "mine.py")
    write(here / "pack" / "__init__.py", "")
    write(here / "pack" / "age.py")
    factory = resolve_policy(name)
    assert isinstance(factory, PolicyFactory)
    foreign = factory(EMBODIMENT)
    assert isinstance(foreign.policy, FunctionPolicy)
    (decision,), _ = foreign.policy.act([make_query("k", 0)], foreign.policy.start(1))
    np.testing.assert_array_equal(decision.chunk, [[2.0, 0.0]])
    assert foreign.claim["factory"] == name
    assert foreign.claim["distribution"] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mone:make", r"no module 'mone' in .* or among the installed packages; nearest: mine"),
        ("pack.aeg:make", r"no module 'pack.aeg' in pack; nearest: pack.age"),
        ("mine.sub:make", r"no module 'mine.sub' in mine$"),
        ("mine:mke", r"module mine has no 'mke'; nearest: make"),
        ("mine:Group.build", r"module mine has no 'Group.build'; nearest: "),
        ("mine:A_NUMBER", r"expected mine:A_NUMBER to be a function of an embodiment, got a value of type int"),
        ("needs:make", r"importing needs raised ModuleNotFoundError: No module named 'nowhere' \(needs.py, line 2\)"),
        ("broken:make", r"importing broken raised SyntaxError: .*\(broken.py, line 1\)"),
        ("leaves:make", r"importing leaves raised SystemExit: 3 \(leaves.py, line 2\)"),
    ],
)
def test_a_name_that_cannot_be_found_is_one_line(here, name, expected):
    write(here / "mine.py")
    write(here / "pack" / "__init__.py", "")
    write(here / "pack" / "age.py")
    write(here / "needs.py", "\nimport nowhere\n")
    write(here / "broken.py", "def make(:\n")
    write(here / "leaves.py", "import sys\nsys.exit(3)\n")
    with pytest.raises(PraxiaError, match=expected) as refused:
        resolve_policy(name)
    assert "\n" not in str(refused.value)


class Partial:
    window = None

    def act(self, queries, carry): ...


class Windowless(Partial):
    privileged, embodiment = False, EMBODIMENT

    def start(self, num_rows): ...


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda embodiment: [1],
            r"x:make returned a value of type list: expected a policy \(",
        ),
        (lambda embodiment: Partial, "x:make returned the class Partial: expected"),
        (lambda embodiment: Partial(), "x:make returned a policy without 'privileged'"),
        (lambda embodiment: Windowless(), "x:make returned a policy whose window is a NoneType, expected a Window"),
        (lambda: None, r"x:make raised TypeError: .*takes 0 positional.*it is called as x:make\(embodiment\)$"),
        (lambda embodiment: 1 // 0, r"x:make raised ZeroDivisionError: .*\(test_policy_factory.py, line \d+\)$"),
        (lambda embodiment: FunctionPolicy(embodiment, print, cameras=("frnt",)), "unknown camera .*nearest: front"),
        (
            lambda embodiment: FunctionPolicy(embodiment, print, fingerprint={1, 2}),
            r"fingerprint\(\) of x:make, a JSON",
        ),
    ],
)
def test_a_factory_that_makes_no_policy_is_one_line(make, expected):
    with pytest.raises(PraxiaError, match=expected):
        PolicyFactory("x:make", make)(EMBODIMENT)


def claimed(name: str, forget: bool = True) -> str:
    """The identity of the policy of this name, imported anew."""
    if forget:
        for module in [one for one in sys.modules if one.partition(".")[0] in ("mine", "pack")]:
            del sys.modules[module]
    factory = resolve_policy(name)
    assert isinstance(factory, PolicyFactory)
    return factory(EMBODIMENT).policy_sha256


def test_an_identity_is_claimed_and_is_that_of_factory_source_and_fingerprint(here):
    write(here / "mine.py")
    first = claimed("mine:make")
    assert re.fullmatch("claimed:[0-9a-f]{64}", first)
    assert claimed("mine:make") == first
    assert claimed("mine:Group.make") != first
    write(here / "mine.py", CODE + "\n# changed\n")
    assert claimed("mine:make") != first
    write(here / "mine.py", WITH_WEIGHTS)
    write(here / "weights", "1")
    with_weights = claimed("mine:make")
    assert claimed("mine:make") == with_weights
    write(here / "weights", "2")
    assert claimed("mine:make") != with_weights


def test_the_source_of_a_policy_is_that_of_its_whole_package(here):
    write(here / "pack" / "__init__.py", "")
    write(here / "pack" / "age.py")
    first = claimed("pack.age:make")
    write(here / "pack" / "helper.py", "STEPS = 3\n")
    assert claimed("pack.age:make") != first


def test_a_registered_policy_is_found_by_its_name_and_says_its_distribution(here, monkeypatch):
    installed = here / "installed"
    write(installed / "mine.py", "class Policy:\n    '''Never finished.'''\n" + CODE)
    write(installed / "mine-1.2.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n")
    write(installed / "mine-1.2.dist-info" / "RECORD", "mine.py,,\n")
    write(installed / "mine-1.2.dist-info" / "entry_points.txt", "[praxia.policies]\nwalker = mine:make\n")
    monkeypatch.syspath_prepend(installed)
    assert registered_policies() == {"walker": "mine:make"}
    factory = resolve_policy("walker")
    assert isinstance(factory, PolicyFactory)
    assert factory.reference == "mine:make"
    assert factory(EMBODIMENT).claim["distribution"] == "mine 1.2"
    assert str(here) not in sys.path
    assert claimed("walker") == claimed("mine:make")


def test_a_policy_of_the_interface_is_guarded_and_can_have_a_fingerprint():
    class Own(Windowless):
        from praxia.core.window import Window

        window = Window({"state": (0,)}, 1)

        def fingerprint(self):
            return {"weights": "abc"}

    foreign = PolicyFactory(f"{__name__}:Own", lambda embodiment: Own())(EMBODIMENT)
    assert isinstance(foreign.policy, GuardedPolicy)
    assert foreign.claim["fingerprint"] == {"weights": "abc"}


def test_a_factory_at_hand_is_known_by_its_import_string_and_source():
    factory = resolve_policy(make_still)
    assert isinstance(factory, PolicyFactory)
    assert factory.reference == f"{__name__}:make_still"
    assert factory(EMBODIMENT).claim["source_sha256"]
    names = {"__name__": "notebook"}
    exec("def make(embodiment):\n    return lambda observation: [0.0, 0.0]\n", names)
    unknown = resolve_policy(names["make"])
    assert isinstance(unknown, PolicyFactory)
    claim = unknown(EMBODIMENT).claim
    assert claim == {"factory": "notebook:make", "distribution": None, "source_sha256": None, "fingerprint": None}


def make_still(embodiment):
    return lambda observation: np.zeros(embodiment.action_dim)
