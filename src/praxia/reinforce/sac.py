"""Soft actor-critic: one update, and the learner that updates from a replay buffer.

Axes: K critics, B transitions, P numbers of privileged state, A action dims.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from praxia.core.keys import generator, seed
from praxia.policies.specialist import Actor, squash
from praxia.reinforce.config import SAC
from praxia.reinforce.optimise import descend
from praxia.reinforce.transitions import Replay, TransitionBatch, join

__all__ = ["Critics", "SACLearner", "SoftActorCritic"]


class Critics(nn.Module):
    """K networks from state and action to a value, side by side: ReLU(LayerNorm(W x)) in every hidden layer (RLPD).

    Each has weights of its own, drawn as `nn.Linear` draws them. The layer norm has no gain and no bias.
    """

    def __init__(self, count: int, num_inputs: int, width: int, depth: int):
        super().__init__()
        sizes = [num_inputs, *(width for _ in range(depth)), 1]
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList([_uniform(a, count, a, b) for a, b in pairs])
        self.biases = nn.ParameterList([_uniform(a, count, 1, b) for a, b in pairs])

    def forward(self, state: Float[Tensor, "B P"], action: Float[Tensor, "B A"]) -> Float[Tensor, "K B"]:
        x = torch.cat([state, action], dim=-1).expand(len(self.weights[0]), -1, -1)
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            x = torch.baddbmm(bias, x, weight)
            x = functional.layer_norm(x, x.shape[-1:]).relu()
        return torch.baddbmm(last[1], x, last[0])[..., 0]


def _uniform(fan_in: int, *shape: int) -> nn.Parameter:
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class SoftActorCritic(nn.Module):
    """Actor, critics, target critics and temperature, and one update of all of them.

    An update is shaped as `nn.trainable.UpdatesItself`, but for the batch, which is of transitions. Deviations from
    Haarnoja et al. 2018: LayerNorm in the critics, and targets of two critics drawn among K, as in RLPD; with more than
    two the actor climbs their mean, as in REDQ (2101.05982). The critics are updated first.
    """

    log_temperature: nn.Parameter

    def __init__(self, actor: Actor, action_dim: int, options: SAC):
        super().__init__()
        self.options = options
        self.target_entropy = -float(action_dim)
        self.actor = actor
        self.critics = Critics(options.critics, len(actor.mean) + action_dim, options.width, options.depth)
        self.target = copy.deepcopy(self.critics).requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(options.temperature)))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each of the three."""
        parts = {
            "actor": self.actor.parameters(),
            "critics": self.critics.parameters(),
            "temperature": [self.log_temperature],
        }
        rate = self.options.learning_rate
        return {name: torch.optim.Adam(part, lr=rate, fused=True) for name, part in parts.items()}

    @torch.no_grad()
    def targets(
        self,
        reward: Float[Tensor, " B"],
        next_state: Float[Tensor, "B P"],
        goes_on: Float[Tensor, " B"],
        noise: Float[Tensor, "B A"],
        chosen: list[int],
    ) -> Float[Tensor, " B"]:
        """r + discount (min of the `chosen` target critics of a' - temperature log pi(a')), without what follows a
        terminated step. A truncated one goes on.
        """
        action, log_prob = self._draw(next_state, noise)
        value = self.target(self.actor.scaled(next_state), action)[chosen].amin(dim=0)
        soft = value - self.log_temperature.exp() * log_prob
        return reward + self.options.discount * goes_on * soft

    def update(
        self,
        batch: TransitionBatch,
        optimizers: Mapping[str, torch.optim.Optimizer],
        noise: Float[Tensor, "2 B A"],
        chosen: list[int],
    ) -> dict[str, Tensor]:
        """One step of each optimiser, and of the target critics. Returns "loss", the critics', and other metrics.

        `noise` is that of the actions after and at the states; `chosen` are the critics of the target.

        Raises:
            TrainingError: a loss or its gradient is not finite.
        """
        state, action, reward, next_state, goes_on = (
            torch.from_numpy(getattr(batch, name)).float()
            for name in ("state", "action", "reward", "next_state", "goes_on")
        )
        wanted = self.targets(reward, next_state, goes_on, noise[0], chosen)
        scaled = self.actor.scaled(state)
        values = self.critics(scaled, action)
        critic_loss = (values - wanted).square().mean(dim=1).sum()
        descend(optimizers["critics"], critic_loss)

        self.critics.requires_grad_(False)  # no gradient of them is wanted for the actor
        own, log_prob = self._draw(state, noise[1])
        value = self.critics(scaled, own).mean(dim=0) if self.options.critics > 2 else self.critics(scaled, own).amin(0)
        actor_loss = (self.log_temperature.exp().detach() * log_prob - value).mean()
        descend(optimizers["actor"], actor_loss)
        self.critics.requires_grad_(True)

        surplus = (log_prob.detach() + self.target_entropy).mean()
        descend(optimizers["temperature"], -self.log_temperature * surplus)
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.critics.parameters(), strict=True):
                slow.lerp_(fast, self.options.tau)
        return {
            "loss": critic_loss.detach(),
            "value": values.detach().mean(),
            "entropy": -log_prob.detach().mean(),
            "temperature": self.log_temperature.detach().exp(),
        }

    def _draw(
        self, state: Float[Tensor, "B P"], noise: Float[Tensor, "B A"]
    ) -> tuple[Float[Tensor, "B A"], Float[Tensor, " B"]]:
        mean, log_std = self.actor(state)
        return squash(mean, log_std, mean + log_std.exp() * noise)


class SACLearner:
    """Keeps transitions in a replay buffer and updates so many times per decision. See `learner.Learner`.

    With `demonstrations` a share of each batch is drawn from them (RLPD: half).

    What an update draws is a function of (seed, number of the update): there is no generator to save.
    """

    def __init__(
        self, actor: Actor, action_dim: int, options: SAC, run_seed: int, demonstrations: Replay | None = None
    ):
        self.model = SoftActorCritic(actor, action_dim, options)
        self.actor, self.optimizers = actor, self.model.optimizers()
        self.replay = Replay(options.capacity, len(actor.mean), action_dim)
        self.updates = 0
        self._seed, self._action_dim, self._options = run_seed, action_dim, options
        self._demonstrations = demonstrations

    def explore(
        self, states: Float32[np.ndarray, "B P"], random: Sequence[np.random.Generator]
    ) -> tuple[Float32[np.ndarray, "B A"], dict[str, np.ndarray]]:
        if not self._is_warm:
            return np.stack([one.uniform(-1, 1, self._action_dim) for one in random]).astype(np.float32), {}
        noise = torch.from_numpy(np.stack([one.standard_normal(self._action_dim) for one in random])).float()
        with torch.no_grad():
            mean, log_std = self.model.actor(torch.from_numpy(states))
            return (mean + log_std.exp() * noise).tanh().numpy(), {}

    def add(self, episode: int, row: TransitionBatch, is_cut: bool, extras: Mapping[str, np.ndarray]) -> None:
        self.replay.add(row)

    def learn(self) -> list[dict[str, Tensor]]:
        if not self._is_warm:
            return []
        if self.updates == 0:
            known = [one.arrays()["state"] for one in (self.replay, self._demonstrations) if one is not None]
            self.model.actor.fit_scale(torch.from_numpy(np.concatenate(known)))
        due = int((self.replay.added - self._options.warmup + 1) * self._options.updates)
        return [self._update() for _ in range(due - self.updates)]

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        counts = {"added": np.array(self.replay.added), "updates": np.array(self.updates)}
        return {"replay": self.replay.arrays(), "counts": counts}

    def restore(self, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        self.updates = int(state["counts"]["updates"])
        self.replay.restore(state["replay"], int(state["counts"]["added"]))

    def _batch(self, size: int, rng: np.random.Generator) -> TransitionBatch:
        if self._demonstrations is None:
            return self.replay.sample(size, rng)
        count = round(self._options.demonstration_share * size)
        return join(self.replay.sample(size - count, rng), self._demonstrations.sample(count, rng))

    @property
    def _is_warm(self) -> bool:
        return self.replay.added >= self._options.warmup

    def _update(self) -> dict[str, Tensor]:
        size, key = self._options.batch_size, ("sac", self._seed, self.updates)
        rng = generator(*key)
        batch = self._batch(size, rng)
        chosen = sorted(rng.permutation(self._options.critics)[:2].tolist())
        noise = torch.randn(2, size, self._action_dim, generator=torch.Generator().manual_seed(seed(*key)))
        self.updates += 1
        return self.model.update(batch, self.optimizers, noise, chosen)
