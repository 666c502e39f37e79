"""What the store asks of a model that becomes a policy, beside what it asks of any model."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import nn

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError
from praxia.core.types import CompileMode, Decision, Query, Sampling
from praxia.core.window import Window
from praxia.transforms.chain import Transforms

__all__ = ["Compiles", "HasSampling", "MakesPolicy", "TrainedPolicy", "compile_policy"]

C = TypeVar("C", bound="HasSampling")


class TrainedPolicy(ABC):
    """A policy that was trained on one or more embodiments; `bind` selects the one it acts for. A `core.types.Policy`.

    Abstract rather than a Protocol, because asking whether an unbound one has an `embodiment` raises an error.
    """

    privileged = False
    embodiments: tuple[Embodiment, ...]
    window: Window

    @property
    @abstractmethod
    def embodiment(self) -> Embodiment:
        """The embodiment it acts for. Raises MismatchError where that is not selected yet."""

    @abstractmethod
    def bind(self, embodiment: Embodiment, name: str | None = None) -> "TrainedPolicy":
        """The policy for `embodiment`, with the weights of the trained embodiment `name` (None: of the same name)."""

    @abstractmethod
    def start(self, num_rows: int) -> Any:
        """A carry for `num_rows` episodes at once."""

    @abstractmethod
    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        """One decision per query, in order, and the new carry."""


@runtime_checkable
class MakesPolicy(Protocol):
    """The config of a model that is a policy. A model of the world, for example, is none."""

    def make_policy(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> TrainedPolicy:
        """The policy of a model that the config has built; see `checkpoint.store.PolicyConfig`."""
        ...


@runtime_checkable
class Compiles(Protocol):
    """A policy whose model can be compiled for use."""

    def compiled(self, mode: CompileMode, sizes: Sequence[int] = (1,)) -> TrainedPolicy:
        """The same policy, compiled and warmed up for batches of `sizes`; see `EncoderHeadPolicy.compiled`."""
        ...


def compile_policy(policy: TrainedPolicy, mode: CompileMode, sizes: Sequence[int] = (1,)) -> TrainedPolicy:
    """`policy`, compiled.

    Raises:
        MismatchError: it is of a kind that cannot be compiled. PraxiaError: as `EncoderHeadPolicy.compiled`.
    """
    if not isinstance(policy, Compiles):
        raise MismatchError(f"expected a policy that can be compiled, got {type(policy).__name__}; leave out --compile")
    return policy.compiled(mode, sizes)


@runtime_checkable
class HasSampling(Protocol):
    """The config of a policy that samples with options."""

    @property
    def sampling(self) -> Sampling:
        """The options with their present values."""
        ...

    def sampled(self: C, sampling: Sampling) -> C:
        """The same network with the options of `sampling`. Raises PraxiaError for an option that it does not have."""
        ...

    def resampled(self, sampling: Sampling) -> Sampling:
        """The options of `sampling` that differ from the model's own. Raises as `sampled` does."""
        ...
