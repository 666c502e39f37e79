"""The schema of a fitted action tokenizer's JSON, and how earlier ones are read.

Schema 1, which has no number, named the tokenizer "code", and in FAST the vocabulary "integers" with its type as
"kind".
"""

from collections.abc import Mapping
from typing import Any

from praxia.core.errors import PraxiaError

__all__ = ["SCHEMA", "migrate"]

SCHEMA = 2
VOCABULARIES = {"integers": "integer-bpe", "utf8": "utf8-bpe"}


def migrate(value: Mapping[str, Any]) -> dict[str, Any]:
    """`value` in the present schema.

    Raises:
        PraxiaError: a newer schema, or no fitted action tokenizer at all.
    """
    if value.get("schema") == SCHEMA:
        return dict(value)
    if "schema" in value or "code" not in value:
        raise PraxiaError(
            f"expected a fitted action tokenizer of schema 1 or {SCHEMA}, got {value.get('schema', 'something else')}; "
            "fit it again with `praxia tokenizer fit DATA`, or use the version of Praxia that wrote it"
        )
    rest = {key: item for key, item in value.items() if key not in ("code", "integers")}
    if (integers := value.get("integers")) is not None:
        fields = {key: item for key, item in integers.items() if key != "kind"}
        rest["vocabulary"] = {"type": VOCABULARIES[integers["kind"]], **fields}
    return {"schema": SCHEMA, "type": value["code"], **rest}
