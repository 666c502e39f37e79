"""A study's own table."""

from praxia.studio.markup import Markup, tag
from praxia.studio.sources import Table
from praxia.studio.tabular import tabular

__all__ = ["table_section"]


def table_section(table: Table) -> Markup:
    """The table under its title; every column but the first is of numbers."""
    columns = [(name, None if at == 0 else "n") for at, name in enumerate(table.columns)]
    return tag("section", tag("h2", table.title), tabular(table.note, columns, table.rows))
