"""Texts that stand in source, read without importing it."""

import ast
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

__all__ = ["field_texts"]


def field_texts(module: str, name: str) -> dict[str, str]:
    """The text below each field of the class `name`, for the fields that have one; the package is imported."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text())
    (found,) = (one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    texts = {}
    for statement, after in pairwise(found.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(after, ast.Expr):
            assert isinstance(statement.target, ast.Name)
            texts[statement.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return texts
