"""A policy of Praxia as one of LeRobot's (0.4.4), in LeRobot's own process: its loops ask `select_action`.

    lerobot-eval --policy.discover_packages_path=praxia.integrations.lerobot --policy.type=praxia \
        --policy.source=runs/two --env.type=aloha ...
    policy = PraxiaPolicy(PraxiaConfig(source="ws://127.0.0.1:8000"))

LeRobot finds the class and the processors by the names of the config's module and class, so all three are in here. Its
own way to a policy elsewhere (`lerobot.async_inference`) exchanges pickles, which Praxia never reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from praxia.api import load
from praxia.core.errors import MismatchError, PraxiaError, optional_import
from praxia.core.types import ChunkExecution, Policy
from praxia.data.layout import image_key
from praxia.rollout.session import Session
from praxia.wires.remote import RemotePolicy, connect_policy

with optional_import("a policy of LeRobot", None):
    from lerobot.configs.policies import PreTrainedConfig  # pyright: ignore[reportMissingImports]
    from lerobot.configs.types import FeatureType, PolicyFeature  # pyright: ignore[reportMissingImports]
    from lerobot.policies.pretrained import PreTrainedPolicy  # pyright: ignore[reportMissingImports]
    from lerobot.processor import (  # pyright: ignore[reportMissingImports]
        AddBatchDimensionProcessorStep,
        DeviceProcessorStep,
        PolicyProcessorPipeline,
        RenameObservationsProcessorStep,
    )
    from lerobot.processor.converters import (  # pyright: ignore[reportMissingImports]
        policy_action_to_transition,
        transition_to_policy_action,
    )
    from lerobot.utils.constants import (  # pyright: ignore[reportMissingImports]
        POLICY_POSTPROCESSOR_DEFAULT_NAME,
        POLICY_PREPROCESSOR_DEFAULT_NAME,
    )

__all__ = ["PraxiaConfig", "PraxiaPolicy", "make_praxia_pre_post_processors"]

STATE, ACTION, TASK = "observation.state", "action", "task"


@PreTrainedConfig.register_subclass("praxia")
@dataclass
class PraxiaConfig(PreTrainedConfig):
    """Which policy acts, and how its chunks are executed. LeRobot's own fields keep their meaning.

    Attributes:
        source: the folder of a run or policy, or the address of `praxia serve`, such as "ws://127.0.0.1:8000".
        embodiment: of a policy that was trained on several, the one it acts for.
        n_action_steps: how many actions of a chunk are executed before the policy decides again (None: all).
        temporal_ensemble_coeff: the rate m of ACT's averaging weights exp(-m i); then the policy decides at every step.
        cameras: features of LeRobot by camera of the policy, where they are neither "observation.images.CAMERA" nor
            "observation.CAMERA".
        key: what the policy's noise depends on, beside the row, the episode and the step.
    """

    source: str = ""
    embodiment: str | None = None
    n_action_steps: int | None = None
    temporal_ensemble_coeff: float | None = None
    cameras: dict[str, str] = field(default_factory=dict)
    key: str = "session"
    push_to_hub: bool = False

    @property
    def observation_delta_indices(self) -> None:
        return None

    @property
    def action_delta_indices(self) -> None:
        return None

    @property
    def reward_delta_indices(self) -> None:
        return None

    def get_optimizer_preset(self) -> Any:
        raise PraxiaError("expected a policy that LeRobot trains, got one of Praxia: use praxia train")

    def get_scheduler_preset(self) -> None:
        return None

    def validate_features(self) -> None:
        """`PraxiaPolicy` compares them with what the policy was trained on."""


class PraxiaPolicy(PreTrainedPolicy):
    """The policy that `config.source` names. Each row of a batch is a robot of its own, in a session of its own.

    Row i acts as `rollout.session.Session(..., key=f"{config.key}/{i}")`, whatever else is in the batch. Images are
    [B, 3, Y, X] in 0..1, the state is in the embodiment's units, and so are the actions: nothing is normalised outside
    of the policy. Features of a batch that the policy does not see are ignored.

    The module has no weights of its own. `save_pretrained` stores the config alone, which names the policy.

    Raises:
        PraxiaError: there is no such policy, or no server. MismatchError: states or actions of another size.
    """

    config_class = PraxiaConfig
    name = "praxia"

    def __init__(self, config: PraxiaConfig, **of_the_data: Any):
        super().__init__(config)
        self._policy = _open(config)
        if self._policy.embodiment is None:
            raise MismatchError(f"expected a policy with an embodiment, got {config.source}")
        self._embodiment = self._policy.embodiment
        self._sessions: list[Session] = []
        inputs, outputs = self._features()
        for ours, theirs in ((inputs, config.input_features), (outputs, config.output_features)):
            for name in (STATE, ACTION):
                if theirs and name in ours and name in theirs and tuple(theirs[name].shape) != ours[name].shape:
                    got = list(theirs[name].shape)
                    raise MismatchError(f"expected {name} of {list(ours[name].shape)} as the policy has it, got {got}")
        config.input_features = config.input_features or inputs
        config.output_features = config.output_features or outputs

    def reset(self) -> None:
        """Begin the next episode in all rows."""
        for session in self._sessions:
            session.reset()

    def select_action(self, batch: Mapping[str, Any]) -> Float32[torch.Tensor, "B A"]:
        """The next action of each row, in declared units. It is called at every control step.

        Raises as `Session.act` does.
        """
        return self._tensor([session.act(observation) for session, observation in self._rows(batch)])

    def predict_action_chunk(self, batch: Mapping[str, Any]) -> Float32[torch.Tensor, "B H A"]:
        """What each row's policy predicts from here, as far as all rows do; actions pending from before are dropped.

        Raises as `Session.chunk` does.
        """
        chunks = [session.chunk(observation) for session, observation in self._rows(batch)]
        length = min(len(chunk) for chunk in chunks)
        return self._tensor([chunk[:length] for chunk in chunks])

    def forward(self, batch: Mapping[str, Any]) -> Any:
        raise PraxiaError("expected a policy that LeRobot trains, got one of Praxia: use praxia train")

    def get_optim_params(self) -> dict[str, Any]:
        return {}

    def _features(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Inputs and outputs of the policy, as LeRobot describes them."""
        seen = set(self._policy.window.cameras)
        inputs = {
            self.config.cameras.get(one.name, image_key(one.name)): PolicyFeature(
                FeatureType.VISUAL, (3, one.height, one.width)
            )
            for one in self._embodiment.cameras
            if one.name in seen
        }
        if self._embodiment.state_dim:
            inputs[STATE] = PolicyFeature(FeatureType.STATE, (self._embodiment.state_dim,))
        return inputs, {ACTION: PolicyFeature(FeatureType.ACTION, (self._embodiment.action_dim,))}

    def _rows(self, batch: Mapping[str, Any]) -> list[tuple[Session, dict[str, Any]]]:
        """The session of each row, with its observation."""
        images = {camera: batch[self._image_feature(camera, batch)] for camera in self._policy.window.cameras}
        streams = {one.name: batch[f"observation.{one.name}"] for one in self._embodiment.streams}
        arrays = [*images.values(), *streams.values(), *([batch[STATE]] if STATE in batch else [])]
        num_rows = len(arrays[0]) if arrays else 1
        while len(self._sessions) < num_rows:
            row = len(self._sessions)
            self._sessions.append(_session(self._of_row(row), self.config, row))
        task = batch.get(TASK) or ""
        instructions = [task] * num_rows if isinstance(task, str) else task
        found = []
        for row in range(num_rows):
            observation: dict[str, Any] = {"images": {name: value[row] for name, value in images.items()}}
            observation |= {"streams": {name: value[row] for name, value in streams.items()}}
            observation |= {"state": batch[STATE][row]} if STATE in batch else {}
            found.append((self._sessions[row], {**observation, "instruction": instructions[row]}))
        return found

    def _of_row(self, row: int) -> Policy:
        """The policy that acts in row `row`. What one in process remembers is in the session; a server remembers it by
        connection, so each row has one of its own there."""
        if row == 0 or not isinstance(self._policy, RemotePolicy):
            return self._policy
        policy = connect_policy(self.config.source)
        if policy.fingerprint() != self._policy.fingerprint():
            raise PraxiaError(
                f"expected the policy that {self.config.source} served at the beginning, got another one: open it anew"
            )
        return policy

    def _image_feature(self, camera: str, batch: Mapping[str, Any]) -> str:
        named = self.config.cameras.get(camera)
        for name in (image_key(camera), f"observation.{camera}") if named is None else (named,):
            if name in batch:
                return name
        got = ", ".join(name for name in batch if name.startswith("observation.")) or "none"
        raise MismatchError(
            f"expected an image of camera {camera!r} as {named or image_key(camera)!r}, got {got};"
            f" --policy.cameras='{{\"{camera}\": FEATURE}}' names another"
        )

    def _tensor(self, rows: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(rows)).to(self.config.device)


def make_praxia_pre_post_processors(config: PraxiaConfig, dataset_stats: Any = None) -> tuple[Any, Any]:
    """LeRobot's steps before and after a policy, without normalisation: that is part of the policy."""
    before = [
        RenameObservationsProcessorStep(rename_map={}),
        AddBatchDimensionProcessorStep(),
        DeviceProcessorStep(device=config.device),
    ]
    after = {"to_transition": policy_action_to_transition, "to_output": transition_to_policy_action}
    return (
        PolicyProcessorPipeline(steps=before, name=POLICY_PREPROCESSOR_DEFAULT_NAME),
        PolicyProcessorPipeline(
            steps=[DeviceProcessorStep(device="cpu")], name=POLICY_POSTPROCESSOR_DEFAULT_NAME, **after
        ),
    )


def _open(config: PraxiaConfig) -> Policy:
    if config.source.startswith(("ws://", "wss://")):
        return connect_policy(config.source)
    if not config.source:
        raise PraxiaError("expected --policy.source, the folder of a policy or the address of praxia serve, got none")
    return load(config.source, embodiment=config.embodiment, device=config.device).policy


def _session(policy: Policy, config: PraxiaConfig, row: int) -> Session:
    horizon = 1 if config.temporal_ensemble_coeff is not None else policy.window.horizon
    execution = ChunkExecution(config.n_action_steps or horizon, config.temporal_ensemble_coeff)
    return Session(policy, execution, key=f"{config.key}/{row}", channels="first")
