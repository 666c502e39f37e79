"""Checks whether a data set is intact: every file, row, timestamp and image, with a list of everything wrong. No torch.

Start at `dataset.check(root)`. `meta` reads `meta/` leniently into one value (`meta.LenientMetadata`, with the columns
of LeRobot v3.0), `table` checks it for consistency, and the other modules compare it with the files: rows (`rows`,
`features`), videos (`videos`), statistics (`statistics`) and, where there are checksums, every byte (`hashes`).
"""
