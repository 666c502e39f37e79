"""What the store asks of a model that becomes a world, or labels or codes video, beside what it asks of any model."""

from typing import Protocol, runtime_checkable

from torch import nn

from praxia.core.embodiment import Embodiment
from praxia.core.labelling import ActionLabeller, ChangeCoder
from praxia.core.window import Window
from praxia.nn.world import World
from praxia.transforms.chain import Transforms

__all__ = ["MakesCoder", "MakesLabeller", "MakesWorld"]


@runtime_checkable
class MakesWorld(Protocol):
    """The config of a model that is a world (`nn.world`). A model may be a policy, too."""

    def make_world(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
        *,
        masked: bool,
    ) -> World:
        """The world of a model that the config has built; see `checkpoint.store.PolicyConfig`."""
        ...


@runtime_checkable
class MakesLabeller(Protocol):
    """The config of a model that reads actions from video (`core.labelling`)."""

    def make_labeller(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
    ) -> ActionLabeller:
        """The labeller of a model that the config has built; see `checkpoint.store.PolicyConfig`."""
        ...


@runtime_checkable
class MakesCoder(Protocol):
    """The config of a model that says in codes what changes in a video (`core.labelling`)."""

    def make_coder(
        self,
        model: nn.Module,
        transforms: Transforms,
        embodiments: tuple[Embodiment, ...],
        window: Window,
    ) -> ChangeCoder:
        """The coder of a model that the config has built; see `checkpoint.store.PolicyConfig`."""
        ...
