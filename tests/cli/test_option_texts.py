"""Every option of a recipe has a text: each field of its configs is documented where it is declared."""

import ast
import inspect
import textwrap

import pytest

from praxia.checkpoint.store import find_config
from praxia.core.config import FittedConfig
from praxia.encoders import ENCODERS
from praxia.heads import HEADS
from praxia.heads.denoisers import DENOISERS
from praxia.training.augmentation import Augmentation
from praxia.training.config import Train, TrainRun

CONFIGS = [Train, Augmentation, TrainRun, *map(find_config, [*ENCODERS, *HEADS, *DENOISERS])]
# Parts, whose own fields are options; those of a window are declared in `cli.arguments`.
WITHOUT = {"model", "window", "train", "augmentation", "text", "decoder", "denoiser"}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda one: one.__name__)
def test_every_field_has_a_text(config):
    for one in inspect.getmro(config):
        if one.__module__.startswith("praxia.") and one is not FittedConfig:
            assert not _undocumented(one) - WITHOUT, one


def _undocumented(config):
    body = ast.parse(textwrap.dedent(inspect.getsource(config))).body[0].body
    found = set()
    for statement, after in zip(body, [*body[1:], None], strict=True):
        is_field = isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation)
        if is_field and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            found.add(statement.target.id)
    return found
