"""Data sets of other projects <-> ours: ACT/ALOHA and robomimic HDF5, Diffusion Policy zarr. No torch.

Import:
    `importing.open_source(format, path, choice)`   the source, looked through: its embodiment, its episodes, what it lacks
    `importing.import_dataset(source, out, ...)`    every episode staged, compacted, read back and compared

Export:
    `exporting.export(root, format, target, ...)`   a data set of ours as `robomimic` or `aloha` HDF5

A source's numbers are kept to the last bit of a float32, its images as a video keeps them. What a source does not say
is given by the person who imports it (`source.Choice`), or is assumed by a rule that the format's module states; rates,
tasks, colours and outcomes that were are listed so in every episode's provenance.
"""
