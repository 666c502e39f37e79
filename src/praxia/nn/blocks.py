"""The blocks of a model: the repeated layers that are sharded, or recomputed, one at a time."""

from collections.abc import Iterator

from torch import nn

__all__ = ["blocks"]


def blocks(model: nn.Module) -> dict[str, nn.Module]:
    """The blocks of `model` by their names in it, in its order: transformer layers, and what other networks repeat.

    They are the members of its `nn.ModuleList`s (such as `nn.TransformerEncoder.layers`) that have weights and modules
    inside, unless these have blocks of their own: a list of towers, one per camera, has the layers of each. Each is
    used by calling it. Members of an `nn.Sequential` are no blocks.
    """
    return dict(_blocks(model, "", member=False))


def _blocks(module: nn.Module, name: str, *, member: bool) -> Iterator[tuple[str, nn.Module]]:
    listed = isinstance(module, nn.ModuleList)
    found = False
    for child_name, child in module.named_children():
        for block in _blocks(child, f"{name}.{child_name}" if name else child_name, member=listed):
            found = True
            yield block
    if member and not listed and not found and any(module.children()) and any(True for _ in module.parameters()):
        yield name, module
