"""Proximal policy optimisation: advantages, one update, and the learner that updates from rollouts.

Axes: N decisions of a rollout, B of a batch, P numbers of privileged state, A action dims.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn

from praxia.core.keys import generator
from praxia.policies.specialist import Actor, mlp, squash
from praxia.reinforce.config import PPO
from praxia.reinforce.optimise import descend
from praxia.reinforce.transitions import TransitionBatch

__all__ = ["ActorValue", "PPOLearner", "advantages"]


def advantages(
    reward: Float32[np.ndarray, " N"],
    value: Float32[np.ndarray, " N"],
    next_value: Float32[np.ndarray, " N"],
    goes_on: Bool[np.ndarray, " N"],
    episode: Int64[np.ndarray, " N"],
    discount: float,
    decay: float,
) -> Float32[np.ndarray, " N"]:
    """Generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438), for each episode by itself.

    Rows of one `episode` are in its order, whatever others are between them. The last of them, where the rollout or the
    episode was cut off, bootstraps from `next_value`; only where the task ended (not `goes_on`) nothing follows.
    """
    delta = reward + discount * np.where(goes_on, next_value, np.float32(0)) - value
    found, later = np.zeros_like(delta), dict[int, np.float32]()
    for row in reversed(range(len(delta))):
        after = later.get(int(episode[row]), np.float32(0)) if goes_on[row] else np.float32(0)
        found[row] = later[int(episode[row])] = delta[row] + discount * decay * after
    return found


class ActorValue(nn.Module):
    """Actor and value, and one update of both (Schulman et al. 2017, arXiv 1707.06347).

    Deviations: actions are squashed by tanh, with a standard deviation that depends on the state, 0.6 before squashing
    at first; no entropy bonus; the value's loss is not clipped.
    """

    def __init__(self, actor: Actor, options: PPO):
        super().__init__()
        self.options, self.actor = options, actor
        with torch.no_grad():  # without a bonus for entropy it begins wide, and at the middle of the range
            actor.out.weight.mul_(0.01)
            actor.out.bias.copy_(torch.tensor([0.0, 0.29]).repeat_interleave(len(actor.out.bias) // 2))
        self.value = nn.Sequential(mlp(len(actor.mean), options.width, options.depth), nn.Linear(options.width, 1))

    def values(self, state: Float[Tensor, "B P"]) -> Float[Tensor, " B"]:
        """The value of each state."""
        return self.value(self.actor.scaled(state))[:, 0]

    def update(
        self,
        optimizer: torch.optim.Optimizer,
        state: Float[Tensor, "B P"],
        latent: Float[Tensor, "B A"],
        old_log_prob: Float[Tensor, " B"],
        advantage: Float[Tensor, " B"],
        wanted: Float[Tensor, " B"],
    ) -> dict[str, Tensor]:
        """One step on -min(ratio x advantage, clipped ratio x advantage) + half the squared error of the value.

        Returns "loss", that of the value, and other metrics.

        Raises:
            TrainingError: the loss or its gradient is not finite.
        """
        mean, log_std = self.actor(state)
        log_prob = squash(mean, log_std, latent)[1]
        ratio, clip = (log_prob - old_log_prob).exp(), self.options.clip
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
        values = self.values(state)
        value_loss = (values - wanted).square().mean() / 2
        descend(optimizer, value_loss - gain.mean(), self.options.clip_norm)
        return {
            "loss": value_loss.detach(),
            "value": values.detach().mean(),
            "entropy": -log_prob.detach().mean(),
            "clipped_ratios": ((ratio.detach() - 1).abs() > clip).float().mean(),
        }


class PPOLearner:
    """Collects a rollout of all slots, then makes some epochs of updates on it. See `learner.Learner`.

    From the first rollout only the scale of states is fitted. Log-probabilities are those of when the actions were
    drawn (`Decision.extras`), so decisions that were under way at an update count rightly.
    """

    def __init__(self, actor: Actor, action_dim: int, options: PPO, run_seed: int):
        self.actor, self.model, self.updates = actor, ActorValue(actor, options), 0
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=options.learning_rate, fused=True)
        self.optimizers = {"both": self._optimizer}
        self._options, self._seed, self._action_dim = options, run_seed, action_dim
        self._rollouts, self._rows = 0, list[dict[str, np.ndarray]]()

    def explore(
        self, states: Float32[np.ndarray, "B P"], random: Sequence[np.random.Generator]
    ) -> tuple[Float32[np.ndarray, "B A"], dict[str, np.ndarray]]:
        noise = torch.from_numpy(np.stack([one.standard_normal(self._action_dim) for one in random])).float()
        with torch.no_grad():
            mean, log_std = self.actor(torch.from_numpy(states))
            latent = mean + log_std.exp() * noise
            action, log_prob = squash(mean, log_std, latent)
        return action.numpy(), {"latent": latent.numpy(), "log_prob": log_prob.numpy()}

    def add(self, episode: int, row: TransitionBatch, is_cut: bool, extras: Mapping[str, np.ndarray]) -> None:
        known = {"state": row.state[0], "reward": row.reward[0], "next_state": row.next_state[0]}
        known |= {"goes_on": row.goes_on[0], "episode": np.int64(episode)}
        self._rows.append({**{name: np.asarray(one) for name, one in known.items()}, **extras})

    def learn(self) -> list[dict[str, Tensor]]:
        if len(self._rows) < self._options.rollout:
            return []
        rollout, self._rows = _stacked(self._rows), []
        self._rollouts += 1
        if self._rollouts == 1:
            self.actor.fit_scale(torch.from_numpy(rollout["state"]))
            return []
        with torch.no_grad():
            value, after = (
                self.model.values(torch.from_numpy(rollout[name])).numpy() for name in ("state", "next_state")
            )
        options = self._options
        found = advantages(
            rollout["reward"], value, after, rollout["goes_on"], rollout["episode"], options.discount, options.decay
        )
        normal = (found - found.mean()) / (found.std() + 1e-8)
        tensors = [torch.from_numpy(one) for one in (rollout["state"], rollout["latent"], rollout["log_prob"])]
        tensors += [torch.from_numpy(one) for one in (normal, found + value)]
        return [one for _ in range(options.epochs) for one in self._epoch(tensors)]

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        counts = {"updates": self.updates, "rollouts": self._rollouts}
        rollout = _stacked(self._rows) if self._rows else {}
        return {"rollout": rollout, "counts": {name: np.array(value) for name, value in counts.items()}}

    def restore(self, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        self.updates, self._rollouts = (int(state["counts"][name]) for name in ("updates", "rollouts"))
        rollout = state["rollout"]
        count = len(rollout["reward"]) if rollout else 0
        self._rows = [{name: np.asarray(value[row]) for name, value in rollout.items()} for row in range(count)]

    def _epoch(self, tensors: list[Tensor]) -> list[dict[str, Tensor]]:
        order = torch.from_numpy(generator("ppo", self._seed, self.updates).permutation(len(tensors[0])))
        made = []
        for rows in order.split(self._options.batch_size):
            made.append(self.model.update(self._optimizer, *(one[rows] for one in tensors)))
            self.updates += 1
        return made


def _stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
