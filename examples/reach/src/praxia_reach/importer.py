"""The format reach-csv: a folder of logs episode_N.csv with the columns x, y, vx, vy, one row per control period.

Positions are in metres, velocities in m/s. The files state neither rate nor task: the rate is that of Reach unless it
is given, the instruction must be given. There are no images. Whether an episode succeeded is not known.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, PraxiaError
from praxia.core.types import EnvSpec
from praxia.datatools.exchange.source import (
    EpisodeSteps,
    ImportOptions,
    as_rows,
    control_rate,
    fingerprint,
    natural_key,
)
from praxia_reach.env import CONTROL_HZ
from praxia_reach.env import embodiment as reach_embodiment

__all__ = ["CsvLogs", "open_csv"]

COLUMNS = ("x", "y", "vx", "vy")


@dataclass(frozen=True)
class CsvLogs:
    """The logs of a folder, by their number. See `praxia.datatools.exchange.source.ForeignDataset`."""

    files: tuple[Path, ...]
    embodiment: Embodiment
    plan: Mapping[str, Any]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def steps(self, episode: int) -> EpisodeSteps:
        rows = _read(self.files[episode])
        return EpisodeSteps(
            state=rows[:, :2],
            action=rows[:, 2:],
            instruction=self.plan["instruction"],
            task=self.plan["task"],
            origin={"file": self.files[episode].name, "episode": episode},
        )

    def images(self, episode: int, camera: str, rows: slice) -> np.ndarray:
        raise AssertionError("the embodiment has no cameras")


def open_csv(path: Path, options: ImportOptions) -> CsvLogs:
    """Inspect a folder of logs.

    Raises:
        DataError: there is none.
        PraxiaError: the instruction is not given.
    """
    files = sorted(path.glob("episode_*.csv"), key=lambda file: natural_key(file.name))
    if not files:
        raise DataError(f"expected a folder with episode_0.csv, ..., got {path}")
    if options.instruction is None:
        raise PraxiaError(f"logs have no instructions; give one for {path} with --instruction")
    hertz = control_rate(CONTROL_HZ if options.fps is None else options.fps, str(path))
    robot = reach_embodiment(EnvSpec("reach", "reach-red"))
    robot = Embodiment("reach-csv", robot.state, robot.action, (), hertz)
    assumed = {} if options.fps is not None else {"fps": f"{CONTROL_HZ:g} Hz, that of Reach"}
    plan = {
        "import": "reach-csv",
        "source": fingerprint(path, files),
        "instruction": options.instruction,
        "task": options.task or "reach",
        "embodiment": robot.to_json(),
        "assumed": assumed,
    }
    return CsvLogs(tuple(files), robot, plan)


def _read(file: Path) -> np.ndarray:
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    try:
        values = np.array([[float(row[name]) for name in COLUMNS] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file}: expected numbers in the columns {', '.join(COLUMNS)} ({error})") from error
    return as_rows(values.reshape(-1, len(COLUMNS)), str(file))
