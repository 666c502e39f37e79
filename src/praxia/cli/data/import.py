"""`praxia data import FORMAT SOURCE --out DIR [--resume]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from praxia.cli.arguments import parse
from praxia.cli.data.info import with_known_outcome
from praxia.core.registry import names
from praxia.datatools.exchange import IMPORTERS
from praxia.studio.console import print_summary, stages

__all__ = ["run"]

_OUTSIDE = ", ".join(sorted(names("importers", IMPORTERS).keys() - IMPORTERS.keys()))
FORMATS = (
    "aloha (a folder of ACT's episode_N.hdf5), robomimic (an HDF5 file) or diffusion-policy (a zarr folder or zip)"
    + (f"; of installed packages: {_OUTSIDE}" if _OUTSIDE else "")
)


@dataclass(frozen=True)
class ImportArguments:
    """Import a data set of another project, and compare every number and a sample of the images with the source.

    Options state what the source does not; otherwise the rule of its format applies and is listed as assumed.
    """

    format: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="FORMAT", help=FORMATS)]]
    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="SOURCE")]]
    """The file or folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The data set's folder: new, or one to --resume."""
    fps: Annotated[float | None, tyro.conf.arg(metavar="HZ")] = None
    """The control rate in Hz. Default: aloha 50, PushT 10, robomimic its control_freq; else required."""
    instruction: Annotated[str | None, tyro.conf.arg(metavar="TEXT")] = None
    """The instruction; "" for none. Required if the source does not state it."""
    task: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The task's short name. Default: the name in robomimic's file, else the source's name."""
    state: Annotated[str, tyro.conf.arg(metavar="KEY,...")] = ""
    """The source's arrays that form the state, comma-separated. Default: qpos, the usual low-dim keys, state."""
    cameras: Annotated[str, tyro.conf.arg(metavar="NAME,...")] = ""
    """Cameras to keep, comma-separated. Default: all."""
    mask: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Only the demos of this filter key of robomimic."""
    jpeg: Annotated[Literal["bgr", "rgb"] | None, tyro.conf.arg(metavar="{bgr,rgb}")] = None
    """Channel order of aloha's compressed images: rgb for regular JPEGs. Default: bgr, as ACT's scripts write."""
    resume: bool = False
    """Continue an import that was killed."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Import a data set; returns the result of `datatools.exchange.importing.import_dataset`, with the path."""
    options = parse(
        ImportArguments,
        arguments,
        "praxia data import",
        example='praxia data import robomimic demo.hdf5 --instruction "lift the cube" --out more',
    )

    from praxia.datatools.exchange.importing import import_dataset, open_source
    from praxia.datatools.exchange.source import ImportOptions

    import_options = ImportOptions(
        fps=options.fps,
        instruction=options.instruction,
        task=options.task,
        state=tuple(filter(None, options.state.split(","))),
        cameras=tuple(filter(None, options.cameras.split(","))),
        mask=options.mask,
        jpeg=options.jpeg,
    )
    source = open_source(options.format, options.source, import_options)
    with stages() as report:
        result = import_dataset(source, options.out, resume=options.resume, report=report)
    result = {"path": str(options.out), "format": options.format, **result}
    print_summary(with_known_outcome(result))
    return result
