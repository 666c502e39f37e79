"""Context -> actions. Heads and their decoders are registered here by tag; outside packages use `praxia.heads`."""

HEADS = {
    "act": "praxia.heads.act:ACT",
    "autoregressive": "praxia.heads.autoregressive:Autoregressive",
    "diffusion": "praxia.heads.diffusion:Diffusion",
    "flow": "praxia.heads.flow:Flow",
    "oft": "praxia.heads.parallel:OFT",
    "parallel-bins": "praxia.heads.parallel:ParallelBins",
    "prefix-transformer": "praxia.heads.decoders:PrefixTransformer",
    "regression": "praxia.heads.regression:Regression",
    "vlm-tokens": "praxia.heads.decoders:VLMTokens",
}
