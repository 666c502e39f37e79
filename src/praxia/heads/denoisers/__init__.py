"""Networks that flow matching and diffusion share, registered by tag; outside packages use `praxia.denoisers`."""

DENOISERS = {
    "action-expert": "praxia.heads.denoisers.action_expert:ActionExpert",
    "dit": "praxia.heads.denoisers.dit:DiT",
    "residual-mlp": "praxia.heads.denoisers.residual_mlp:ResidualMLP",
    "transformer": "praxia.heads.denoisers.transformer:Transformer",
    "unet": "praxia.heads.denoisers.unet:UNet",
}
