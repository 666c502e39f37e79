"""Runs inside the `lerobot` package's own environment: `write ROOT`, or `read ROOT ...` into ROOT.npz each."""

import sys
from pathlib import Path

import lerobot_inside as inside
import numpy as np

LENGTHS = (9, 12, 7, 10)


def main(verb, *roots):
    if verb == "write":
        inside.write(Path(roots[0]), LENGTHS, "pyav")
        return
    for root in map(Path, roots):
        opened, _ = inside.open_set(root)
        assert len(opened) == opened.meta.total_frames, root
        items = [opened[index] for index in range(len(opened))]
        arrays = {}
        for name in items[0]:
            values = [item[name] for item in items]
            if name.startswith("observation.images."):
                arrays[name] = np.stack([inside.bytes_of(value) for value in values])
            else:
                arrays[name] = np.array(values) if name == "task" else np.stack([value.numpy() for value in values])
        np.savez(root.with_suffix(".npz"), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
