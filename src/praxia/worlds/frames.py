"""A batch of windows as frames at the stride of a world, with the block of actions between each two.

Axes: B batch, T frames (those seen, then targets), K stride, A action dims, M frames that are valid, N tokens, D width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from praxia.core.errors import MismatchError
from praxia.nn.types import Batch, Context, Encoder, Shapes

__all__ = ["Frames", "encoded", "frame_shapes", "frames_of", "num_transitions", "seen_frames"]


@dataclass(frozen=True)
class Frames:
    """T frames and the T - 1 blocks of K actions that lead from each to the next.

    A frame is valid where the images of all cameras are, a transition where both its frames and all its actions are.
    """

    images: Mapping[str, UInt8[Tensor, "B T C _ _"]]
    valid: Bool[Tensor, "B T"]
    blocks: Float[Tensor, "B _ E"]
    transition_valid: Bool[Tensor, "B _"]


def frame_shapes(shapes: Shapes) -> Shapes:
    """The shapes of one frame, for the encoder: an image of each camera, and no state.

    Raises:
        MismatchError: data of several embodiments.
    """
    if shapes.num_embodiments != 1:
        raise MismatchError(f"a latent world is of one embodiment, got data of {shapes.num_embodiments}")
    return replace(shapes, num_images=len(shapes.cameras), num_states=0)


def frames_of(batch: Batch, cameras: tuple[str, ...], stride: int) -> Frames:
    """The frames of a batch. Actions that are not valid are zero.

    Raises:
        MismatchError: as many actions do not lead from the first frame to the last.
    """
    images = {name: _joined(batch.images[name], batch.target_images.get(name)) for name in cameras}
    valid = _frame_valid(batch, cameras)
    parts = _actions(batch, valid.shape[1] - 1, stride)
    actions = torch.cat([torch.where(ok[..., None], action, 0.0) for action, ok in parts], dim=1)
    blocks = actions.unflatten(1, (-1, stride)).flatten(2)
    return Frames(images, valid, blocks, _transition_valid(valid, parts, stride))


def num_transitions(batch: Batch, cameras: tuple[str, ...], stride: int) -> Int[Tensor, ""]:
    """How many transitions of the frames of a batch are valid. Raises as `frames_of`."""
    valid = _frame_valid(batch, cameras)
    return _transition_valid(valid, _actions(batch, valid.shape[1] - 1, stride), stride).sum()


def seen_frames(
    batch: Batch, cameras: tuple[str, ...]
) -> tuple[Mapping[str, UInt8[Tensor, "B T C _ _"]], Bool[Tensor, "B T"]]:
    """The frames that were seen, without targets: images by camera, and where those of all cameras are valid."""
    valid = torch.stack([batch.image_valid[name] for name in cameras]).all(0)
    return {name: batch.images[name] for name in cameras}, valid


def _frame_valid(batch: Batch, cameras: tuple[str, ...]) -> Bool[Tensor, "B T"]:
    each = [_joined(batch.image_valid[name], batch.target_image_valid.get(name)) for name in cameras]
    return torch.stack(each).all(0)


def _actions(batch: Batch, num_blocks: int, stride: int) -> list[tuple[Tensor, Tensor]]:
    """Past actions and those ahead, as far as there are any, and where they are valid: `num_blocks` of `stride`."""
    parts = [(batch.past_action, batch.past_action_valid), (batch.action, batch.action_valid)]
    found = [(action, ok) for action, ok in parts if action is not None and ok is not None]
    num_actions = sum(action.shape[1] for action, _ in found)
    if num_actions != num_blocks * stride:
        raise MismatchError(
            f"expected a window with {num_blocks * stride} actions, past and ahead, for {num_blocks + 1} frames at a"
            f" stride of {stride}, got {num_actions}; for example images at (-{stride}, 0), actions at -{stride} to -1,"
            f" a horizon of {stride} and targets at ({stride},)"
        )
    return found


def _transition_valid(
    valid: Bool[Tensor, "B T"], actions: Sequence[tuple[Tensor, Tensor]], stride: int
) -> Bool[Tensor, "B _"]:
    acted = torch.cat([ok for _, ok in actions], dim=1).unflatten(1, (-1, stride)).all(2)
    return acted & valid[:, 1:] & valid[:, :-1]


def encoded(
    encoder: Encoder,
    batch: Batch,
    images: Mapping[str, UInt8[Tensor, "B T C _ _"]],
    valid: Bool[Tensor, "B T"],
    latents_of: Callable[[Context], Float[Tensor, "M N D"]],
) -> Float[Tensor, "B T N D"]:
    """What `latents_of` makes of the encoder's context of each valid frame, one by one; the others are zero."""
    rows, _ = chosen = valid.nonzero(as_tuple=True)
    frames = {name: one[chosen][:, None] for name, one in images.items()}
    state = batch.state.new_zeros(len(rows), 0, batch.state.shape[-1])
    alone = Batch(
        images=frames,
        image_valid={name: valid.new_ones(len(rows), 1) for name in images},
        state=state,
        state_valid=valid.new_zeros(len(rows), 0),
        text=batch.text[rows],
        text_valid=batch.text_valid[rows],
        embodiment=batch.embodiment[rows],
    )
    latents = latents_of(encoder(alone))
    return latents.new_zeros(*valid.shape, *latents.shape[1:]).index_put(chosen, latents)


def _joined(seen: Tensor, targets: Tensor | None) -> Tensor:
    return seen if targets is None else torch.cat([seen, targets], dim=1)
