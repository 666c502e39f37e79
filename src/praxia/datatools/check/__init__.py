"""Whether a data set is whole: every file, row, time and image looked at, and everything wrong listed. No torch.

`verdict.check(root)` is the door. What `meta/` says becomes one value (`described.Described`, in LeRobot v3.0's
columns), which is checked by itself (`table`) and then against the numbers (`segments`, `rows`, `values`), the images
(`videos`, `images`) and the statistics (`statistics`); where there are checksums, every byte is (`hashes`).
"""
