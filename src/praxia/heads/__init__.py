"""Context -> actions. A part is registered here by tag; outside packages use the group `praxia.heads`."""

HEADS = {
    "act": "praxia.heads.act:ACT",
    "autoregressive": "praxia.heads.autoregressive:Autoregressive",
    "diffusion": "praxia.heads.diffusion:Diffusion",
    "flow": "praxia.heads.flow:Flow",
    "oft": "praxia.heads.parallel:OFT",
    "parallel-bins": "praxia.heads.parallel:ParallelBins",
    "prefix-transformer": "praxia.heads.prefix:PrefixTransformer",
    "regression": "praxia.heads.regression:Regression",
    "vlm-tokens": "praxia.heads.vlm_tokens:VLMTokens",
}
