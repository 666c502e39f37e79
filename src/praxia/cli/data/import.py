"""`praxia data import FORMAT SOURCE --out DIR [--resume]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from praxia.cli.arguments import parse
from praxia.cli.console import print_summary, stages
from praxia.cli.data.info import with_outcome

__all__ = ["run"]


@dataclass(frozen=True)
class ImportArguments:
    """Bring in a data set of another project, and compare every number and a sample of the images with the source.

    What the source does not say is an option; where none is given, the rule of its format is listed as assumed.
    """

    format: tyro.conf.Positional[str]
    """aloha (a folder of ACT's episode_N.hdf5), robomimic (an HDF5 file) or diffusion-policy (a zarr folder or zip)."""
    source: tyro.conf.Positional[Path]
    """The file or folder."""
    out: Path
    """The data set's folder: new, or one to --resume."""
    fps: float | None = None
    """The control rate in Hz. Unsaid: aloha 50, PushT 10, robomimic its control_freq; else it must be given."""
    instruction: str | None = None
    """What the robot was told; "" for nothing. It must be given where the source does not say it."""
    task: str | None = None
    """The task's short name. Unsaid: what robomimic's file calls it, else the source's name."""
    state: str = ""
    """The source's arrays that make the state, commas between them. Unsaid: qpos, the usual low-dim keys, state."""
    cameras: str = ""
    """Cameras whose images are kept, commas between them. Unsaid: all."""
    mask: str | None = None
    """Only the demos of this filter key of robomimic."""
    jpeg: Literal["bgr", "rgb"] | None = None
    """How compressed images of aloha were made: rgb as any JPEG. Unsaid: bgr, as ACT's own scripts do with OpenCV."""
    resume: bool = False
    """Go on with an import that was killed."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Import, and return what `datatools.exchange.importing.import_dataset` returns, with the path."""
    options = parse(ImportArguments, arguments, "praxia data import")

    from praxia.datatools.exchange.importing import import_dataset, open_source
    from praxia.datatools.exchange.source import ImportOptions

    choice = ImportOptions(
        fps=options.fps,
        instruction=options.instruction,
        task=options.task,
        state=tuple(filter(None, options.state.split(","))),
        cameras=tuple(filter(None, options.cameras.split(","))),
        mask=options.mask,
        jpeg=options.jpeg,
    )
    source = open_source(options.format, options.source, choice)
    with stages() as report:
        found = import_dataset(source, options.out, resume=options.resume, report=report)
    result = {"path": str(options.out), "format": options.format, **found}
    print_summary(with_outcome(result))
    return result
