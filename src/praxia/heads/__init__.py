"""Context -> actions. A part is registered here by tag; outside packages use the group `praxia.heads`."""

HEADS = {
    "act": "praxia.heads.act:ACT",
    "bins": "praxia.heads.bins:Bins",
    "diffusion": "praxia.heads.diffusion:Diffusion",
    "flow": "praxia.heads.flow:Flow",
    "parallel-bins": "praxia.heads.parallel_bins:ParallelBins",
    "regression": "praxia.heads.regression:Regression",
}
