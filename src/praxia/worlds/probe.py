"""What a world's latents tell: the robot's state by a linear probe, and success by a small network.

Axes: B rows, N tokens, D width, F = N D numbers of a latent, S state dims, M samples, I inputs of the detector.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn

from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import Observation
from praxia.nn.world import WorldState

__all__ = ["StateProbe", "SuccessDetector"]

# Of the latents' mean variance; keeps a probe from dividing by rounding errors where latents have collapsed.
RIDGE = 1e-4

# The detector's network, and how it is fitted.
WIDTH, STEPS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 2000, 256, 2e-3, 1e-2


class StateProbe(nn.Module):
    """The robot's state by a linear map from the latent, without images. Satisfies `worlds.env.Observer`.

    Dims that change in no episode, such as a goal, are those of the observation with which the episode began: a latent
    of what a camera sees need not know them.
    """

    cameras: tuple[str, ...] = ()

    def __init__(self, num_in: int, num_state: int):
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        self.varies: Tensor
        self.register_buffer("weight", torch.zeros(num_in, num_state))
        self.register_buffer("bias", torch.zeros(num_state))
        self.register_buffer("varies", torch.ones(num_state, dtype=torch.bool))

    @classmethod
    def fit(
        cls,
        latent: Float32[np.ndarray, "M F"],
        state: Float32[np.ndarray, "M S"],
        varies: Bool[np.ndarray, " S"],
    ) -> "StateProbe":
        """By least squares with a small ridge, in float64."""
        x, y = latent.astype(np.float64), state.astype(np.float64)
        mean_x, mean_y = x.mean(0), y.mean(0)
        centred = x - mean_x
        gram = centred.T @ centred / len(x)
        ridge = RIDGE * max(float(np.trace(gram)) / len(gram), np.finfo(np.float32).eps)
        weight = np.linalg.solve(gram + ridge * np.eye(len(gram)), centred.T @ (y - mean_y) / len(x))
        probe = cls(*weight.shape)
        values = {"weight": weight, "bias": mean_y - mean_x @ weight, "varies": varies}
        probe.load_state_dict({name: torch.from_numpy(np.asarray(one)) for name, one in values.items()})
        return probe

    def forward(self, latent: Float[Tensor, "B N D"], constant: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        """The state of each row, whose dims that never change are those of `constant`."""
        return torch.where(self.varies, latent.flatten(1) @ self.weight + self.bias, constant)

    def observe(self, state: WorldState, first: Sequence[Observation], cameras: Sequence[str]) -> Sequence[Observation]:
        """See `worlds.env.Observer`."""
        found = self(state.latent.float(), _states(first, self.bias)).cpu().numpy()
        return [Observation({}, row, one.instruction, 0.0) for row, one in zip(found, first, strict=True)]


class SuccessDetector(nn.Module):
    """The probability that the task is done, from the latent, the state that it tells, and the instruction.

    It needs no simulator: `world.start(queries).latent` is of what a robot sees, the latents of `World.imagine` are of
    what a world imagines. Satisfies `worlds.env.Detector`.
    """

    threshold = 0.5

    def __init__(self, probe: StateProbe, instructions: Sequence[str]):
        super().__init__()
        self.probe = probe
        self.instructions = tuple(instructions)
        num_in = len(probe.weight) + len(probe.bias) + len(self.instructions)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(num_in))
        self.register_buffer("scale", torch.ones(num_in))
        self.network = nn.Sequential(
            nn.Linear(num_in, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 1)
        )

    @classmethod
    def fit(
        cls,
        probe: StateProbe,
        latent: Float32[np.ndarray, "M F"],
        observed: Sequence[Observation],
        success: Bool[np.ndarray, " M"],
    ) -> "SuccessDetector":
        """By logistic regression with a network, whose result depends on the samples alone.

        Half of every batch has the goal and the instruction of another sample, and is no success where these differ:
        without it, a detector that has seen goals approached from one side takes the other side for success, too.

        Raises:
            MismatchError: all samples are successes, or none is.
        """
        if success.all() or not success.any():
            what = "successes" if success.any() else "failures"
            raise MismatchError(
                f"a detector of success learns from both, and all {len(success)} timesteps of the data are {what}: add"
                " data with the other, such as `praxia collect` with more noise or --policy random"
            )
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            detector = cls(probe, sorted({one.instruction for one in observed}))
            x = detector._inputs(torch.from_numpy(latent)[:, None], observed)
            detector.mean.copy_(x.mean(0))
            detector.scale.copy_(1 / x.std(0).clamp_min(1e-4))
            detector._fit((x - detector.mean) * detector.scale, torch.from_numpy(success).float())
        return detector.requires_grad_(False).eval()

    def _fit(self, x: Float[Tensor, "M I"], y: Float[Tensor, " M"]) -> None:
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * (1 - step / STEPS)
            rows, others = torch.randint(len(x), (2, min(BATCH, len(x))))
            asked = torch.where(self._asked, x[others], x[rows])
            differs = (asked != x[rows]).any(1)
            inputs = torch.cat([x[rows], asked])
            labels = torch.cat([y[rows], torch.where(differs, 0.0, y[rows])])
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(self.network(inputs)[:, 0], labels).backward()
            optimizer.step()

    @property
    def _asked(self) -> Bool[Tensor, " I"]:
        """Which inputs say what is asked for: the dims of the state that never change, and the instruction."""
        probe, texts = self.probe, len(self.instructions)
        no, yes = (
            torch.full((num,), yes, device=self.mean.device) for num, yes in ((len(probe.weight), False), (texts, True))
        )
        return torch.cat([no, ~probe.varies, yes])

    @torch.no_grad()
    def probability(self, latent: Float[Tensor, "B N D"], observed: Sequence[Observation]) -> Float[Tensor, " B"]:
        """The probability of success. `observed` is any observation of each row's episode.

        Raises:
            UnknownName: an instruction that the data did not have.
        """
        x = (self._inputs(latent.float(), observed) - self.mean) * self.scale
        return self.network(x)[:, 0].sigmoid()

    def detect(self, latent: Float[Tensor, "B N D"], observed: Sequence[Observation]) -> Bool[Tensor, " B"]:
        """See `worlds.env.Detector`: whether success is more likely than not."""
        return self.probability(latent, observed) > self.threshold

    def _inputs(self, latent: Float[Tensor, "B N D"], observed: Sequence[Observation]) -> Float[Tensor, "B _"]:
        told = self.probe(latent, _states(observed, self.mean))
        number = {text: at for at, text in enumerate(self.instructions)}
        if unknown := [one.instruction for one in observed if one.instruction not in number]:
            raise UnknownName("instruction of this detector", unknown[0], number, "praxia data info SET")
        asked = torch.tensor([number[one.instruction] for one in observed], device=latent.device)
        texts = nn.functional.one_hot(asked, len(number)).float()
        return torch.cat([latent.flatten(1), told, texts], dim=1)


def _states(observed: Sequence[Observation], like: Tensor) -> Float[Tensor, "B S"]:
    return torch.from_numpy(np.stack([one.state for one in observed])).to(like)
