"""Imports and exports data sets of other projects: ACT/ALOHA and robomimic HDF5, Diffusion Policy zarr. No torch.

Import:
    `importing.open_source(format, path, options)`  inspects a source: embodiment, episodes, what it lacks
    `importing.import_dataset(source, out, ...)`    stages and finalizes every episode, and compares it with the source

Export:
    `exporting.export(root, format, target, ...)`   a data set as `robomimic` or `aloha` HDF5

Numbers of a source are kept to the last bit of a float32, its images as a video keeps them. What a source does not
state is given by the user (`source.ImportOptions`) or assumed by a rule documented in the format's module; assumed
rates, tasks, colors and outcomes are listed in the provenance of every episode.

Importers are registered here by format: functions from a path and `source.ImportOptions` to a `source.ForeignDataset`.
Outside packages use the group `praxia.importers`.
"""

__all__ = ["IMPORTERS"]

IMPORTERS = {
    "aloha": "praxia.datatools.exchange.aloha:open_aloha",
    "diffusion-policy": "praxia.datatools.exchange.diffusion_policy:open_diffusion_policy",
    "robomimic": "praxia.datatools.exchange.robomimic:open_robomimic",
}
