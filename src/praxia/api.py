"""What `import praxia` offers to Python: open a data set, train, evaluate, load a policy and ask it for actions."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, UInt8

from praxia.checkpoint.store import load_bound_policy
from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, UnknownName
from praxia.core.process import available_cores
from praxia.core.types import ChunkExecution, CompileMode, Sampling
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.mixture_config import find_mixture
from praxia.dataloader.windows import Windows
from praxia.evaluation import offline, runner
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.policy_factory import MakePolicy, reference_of
from praxia.nn.device import find_device
from praxia.policies.foreign import FunctionPolicy
from praxia.policies.interface import TrainedPolicy, compile_policy
from praxia.recipes import find_recipe
from praxia.rollout.session import Channels, Session
from praxia.studio.console import counting, say
from praxia.studio.training_progress import show_training
from praxia.training.config import TrainRun

__all__ = [
    "FunctionPolicy",
    "LoadedPolicy",
    "OpenDataset",
    "PraxiaError",
    "RecordedEpisode",
    "TrainRun",
    "evaluate",
    "evaluate_offline",
    "load",
    "open",
    "recipe",
    "train",
]

LocalPath = str | PathLike[str]


@dataclass(frozen=True)
class LoadedPolicy:
    """A trained policy and its hash. It keeps nothing of an episode: that is what sessions are for."""

    policy: TrainedPolicy
    policy_sha256: str

    @property
    def embodiment(self) -> Embodiment:
        """The embodiment it acts for: fields with units and names of dims, cameras, control rate."""
        return self.policy.embodiment

    @property
    def window(self) -> Window:
        """What it observes, and how many actions it predicts."""
        return self.policy.window

    def session(
        self,
        *,
        execution_horizon: int | None = None,
        ensemble: float | None = None,
        key: str = "session",
        channels: Channels = "last",
    ) -> Session:
        """A new session of one robot under this policy.

        `execution_horizon` actions of each chunk are executed (None: all; with `ensemble` always one). `ensemble` is
        the rate m of ACT's averaging weights exp(-m i). See `Session` for `key` and `channels`.
        """
        horizon = 1 if ensemble is not None else self.window.horizon
        execution = ChunkExecution(horizon if execution_horizon is None else execution_horizon, ensemble)
        return Session(self.policy, execution, key=key, channels=channels)


def load(
    path: LocalPath,
    *,
    embodiment: str | None = None,
    device: str | None = None,
    steps: int | None = None,
    temperature: float | None = None,
    precision: Literal["bf16"] | None = None,
    compile: CompileMode | None = None,
) -> LoadedPolicy:
    """The policy of a training run or of a policy folder.

    `embodiment` names one of several that it was trained on. `device` is "cpu", "cuda", "cuda:1" or "mps" (None: a GPU
    where there is one). `steps` and `temperature` change how chunks are sampled, as in `praxia eval`; so
    does the `precision` "bf16", with half the memory. `compile` takes minutes and makes decisions faster, with the same
    actions up to rounding: "kernels" lets torch compile the model, and "cuda-graph" also captures a decision (a GPU).

    Raises:
        PraxiaError: no policy or no such device there, or an option that it does not have. DataError: it is damaged.
        UnknownName: it was not trained on that embodiment. MismatchError: it was trained on several; name one.
    """
    sampling = Sampling(steps, temperature, precision=precision)
    policy, identity = load_bound_policy(Path(path), embodiment, find_device(device), sampling)
    return LoadedPolicy(policy if compile is None else compile_policy(policy, compile), identity.policy_sha256)


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode of a data set: numbers of all T frames in declared units, and images on demand."""

    dataset: Dataset
    index: int
    instruction: str
    state: Float32[np.ndarray, "T S"]
    action: Float32[np.ndarray, "T A"]

    def __len__(self) -> int:
        return len(self.state)

    def images(self, camera: str, steps: Sequence[int] | None = None) -> UInt8[np.ndarray, "K Y X 3"]:
        """The images of a camera at `steps` (None: at all).

        Raises:
            UnknownName: no such camera.
        """
        if camera not in self.dataset.cameras:
            raise UnknownName("camera", camera, self.dataset.cameras, f"praxia data info {self.dataset.root}")
        first = int(self.dataset.episodes.first[self.index])
        chosen = np.arange(len(self)) if steps is None else np.asarray(steps, dtype=np.int64)
        return self.dataset.decode(camera, first + chosen)


@dataclass(frozen=True)
class OpenDataset:
    """A LeRobot data set, opened for reading: `len()` episodes."""

    dataset: Dataset

    def __len__(self) -> int:
        return self.dataset.num_episodes

    @property
    def embodiment(self) -> Embodiment:
        return self.dataset.embodiment

    def episode(self, index: int) -> RecordedEpisode:
        """Episode number `index`.

        Raises:
            IndexError: there is no such episode.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"expected an episode from 0 to {len(self) - 1}, got {index}")
        episodes = self.dataset.episodes
        rows = slice(int(episodes.first[index]), int(episodes.first[index] + episodes.length[index]))
        state, action = (self.dataset.column(name)[rows] for name in ("observation.state", "action"))
        instruction = episodes.instruction[index]
        return RecordedEpisode(
            self.dataset, index, instruction, np.asarray(state, np.float32), np.asarray(action, np.float32)
        )

    def windows(self, window: Window, episodes: Sequence[int] | None = None) -> Windows:
        """Every frame of `episodes` (None: of all) as the present of a window; `read(indices)` gives batches."""
        return Windows(self.dataset, window, range(len(self)) if episodes is None else episodes)


def open(path: LocalPath) -> OpenDataset:
    """The LeRobot data set (v3.0 or v2.1) at `path`.

    Raises:
        DataError: it is damaged or incomplete, and says where.
    """
    return OpenDataset(Dataset(str(path)))


def recipe(name: str) -> TrainRun:
    """The full configuration of a recipe (`praxia recipes`): a frozen dataclass, to change with `dataclasses.replace`.

    Raises:
        UnknownName: there is no such recipe.
    """
    return find_recipe(name)()


def train(
    run: str | TrainRun,
    data: LocalPath | Sequence[LocalPath],
    out: LocalPath,
    *,
    cameras: Sequence[str] | None = None,
    start_from: LocalPath | None = None,
    refit: bool = False,
    workers: int = 0,
    device: str | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Train on `data` and write the run to the folder `out`: `praxia train` with these options. Progress is on stderr.

    `run` is the name of a recipe or a configuration, and `data` a data set, several of them, or a mixture file. Returns
    {checkpoint, steps, resumed_from, samples_per_s, warnings, policy_sha256, weights_sha256}.

    Raises:
        UnknownName: there is no such recipe.
        PraxiaError, MismatchError, TrainingError: as `training.engine.train`. What was saved before is kept.
    """
    name, configured = (run, recipe(run)) if isinstance(run, str) else ("custom", run)
    if cameras is not None:
        configured = configured.with_cameras(cameras, name)
    paths = ",".join(str(one) for one in ([data] if isinstance(data, str | PathLike) else data))
    with show_training(name, configured.train.steps) as shown:
        from praxia.training import engine  # a robot that only loads a policy has no use for it

        return engine.train(
            configured,
            find_mixture(paths),
            Path(out),
            recipe=name,
            command=f"praxia.train({name!r}, {paths!r}, {fspath(out)!r})",
            start_from=None if start_from is None else Path(start_from),
            refit=refit,
            workers=workers,
            device=device,
            resume=resume,
            report=shown.report,
            progress=shown.progress,
            announce=shown.announce,
            warn=shown.warn,
        )


def evaluate(
    policy: LocalPath | MakePolicy,
    benchmark: str,
    out: LocalPath,
    *,
    delays: LocalPath | None = None,
    tasks: Sequence[str] | None = None,
    episodes: int = 20,
    control: str | None = None,
    workers: int | None = None,
    exact: bool = False,
    seed: int = 0,
    device: str | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Evaluate on a benchmark (`praxia info --benchmarks`): `praxia eval` with these options. Progress is on stderr.

    `policy` is what the command takes: the folder of a run or policy, "expert", "zero" or "random", or a policy of
    your own: a function from an embodiment to a policy, or its import string "package.module:make". `episodes` are per
    task, and `tasks` some of the benchmark's (None: all). "BENCHMARK/delay-4" has a delay of 4 control steps, and
    `delays` is the file of a trace to draw delays from; "BENCHMARK/think-8-late-4" is for two systems. Rows go to the
    file `out` as they end, one per episode.
    Returns the fingerprint and `results.summary.summarise` of the rows: {episodes, success, ci95, per_task, ...}.

    Raises:
        UnknownName: there is no such benchmark or control.
        PraxiaError, MismatchError, CheckFailed: as `evaluation.runner.evaluate`. Rows that were written are kept.
    """
    workers = available_cores() if workers is None else workers
    chosen = find_benchmark(benchmark, None if delays is None else Path(delays))
    if tasks is not None:
        chosen = chosen.of_tasks(tasks)
    found, shown = _named(policy)
    entry = find_policy(found, chosen, exact=exact, workers=workers, device=device)
    options = {"benchmark": benchmark, "delays": None if delays is None else fspath(delays)}
    options |= {"tasks": tasks and ",".join(tasks), "episodes": episodes, "control": control}
    options |= {"exact": exact, "seed": seed or None, "out": fspath(out)}
    with counting("eval") as report:
        return runner.evaluate(
            entry.policy,
            entry.evaluation(episodes, control=control, exact=exact, seed=seed),
            Path(out),
            entry.family,
            workers=workers,
            resume=resume,
            threads=entry.threads,
            command=_eval_command(shown, options),
            report=report,
        )


def _eval_command(policy: str, options: Mapping[str, Any]) -> str:
    """The command line that does the same; options that are None or False are left out."""
    words = ["praxia", "eval", policy]
    for name, value in options.items():
        if value is not None and value is not False:
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return shlex.join(words)


def _named(policy: LocalPath | MakePolicy) -> tuple[str | MakePolicy, str]:
    """A policy as `find_policy` takes it, and as a command line would name it."""
    if callable(policy):
        return policy, reference_of(policy)
    return fspath(policy), fspath(policy)


def evaluate_offline(
    policy: LocalPath | MakePolicy,
    data: LocalPath,
    out: LocalPath,
    *,
    episodes: str | Sequence[int] | None = None,
    stride: int = 1,
    device: str | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Compare actions with recorded ones: `praxia eval --data` with these options. Progress is on stderr.

    `policy` is the folder of a run or policy, or one of your own as in `evaluate`, made for the data set's robot.
    `episodes` are numbers, a text such as "0-9,12" or a split of the data set; None: those that the policy's training
    held out of this data set, else those that training would read. Every `stride`-th frame is compared. Rows go to the
    file `out`, one per episode. Returns the fingerprint and `results.offline.summarise_offline` of the rows: {episodes,
    policy, baseline, ratio, ...}.

    Raises:
        PraxiaError, MismatchError, UnknownName, DataError: as `evaluation.offline.evaluate_offline`.
    """
    chosen = episodes if episodes is None or isinstance(episodes, str) else ",".join(map(str, episodes))
    found, shown = _named(policy)
    options = {"data": fspath(data), "episodes": chosen, "stride": None if stride == 1 else stride, "out": fspath(out)}
    with counting("eval") as report:
        return offline.evaluate_offline(
            found,
            fspath(data),
            Path(out),
            episodes=chosen,
            stride=stride,
            device=device,
            resume=resume,
            command=_eval_command(shown, options),
            notice=say,
            report=report,
        )
