"""Numbers of every step as one of many steps."""

from collections.abc import Mapping

from torch import Tensor

__all__ = ["Means"]


class Means:
    """The mean of each metric over the steps that gave it since `take`; they stay on their device until then."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Tensor]) -> None:
        """Count one step."""
        for name, value in metrics.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means, to begin anew."""
        means = {name: float(value) / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means
