# The package ships no types for its compiled half.
from typing import Any

def __getattr__(name: str) -> Any: ...
