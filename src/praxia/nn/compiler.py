"""The C++ compiler that torch needs to compile a model."""

import os
import shutil

from praxia.core.errors import PraxiaError

__all__ = ["expect_compiler"]

# The compilers that torch looks for; the variable CXX names another.
COMPILERS = ("g++", "clang++")


def expect_compiler(option: str) -> None:
    """Refuse `option`, which compiles, where there is no compiler, before anything else is done.

    Raises:
        PraxiaError: there is none.
    """
    named = (os.environ["CXX"],) if os.environ.get("CXX") else COMPILERS
    if not any(map(shutil.which, named)):
        raise PraxiaError(
            f"expected a C++ compiler for {option}, got none ({' or '.join(named)}); `apt-get install g++` "
            f"installs one, or leave out {option}"
        )
