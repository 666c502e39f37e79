"""Networks that flow matching and diffusion share. Registered by tag; outside packages use `praxia.denoisers`."""

DENOISERS = {
    "dit": "praxia.heads.denoisers.dit:DiT",
    "residual-mlp": "praxia.heads.denoisers.residual_mlp:ResidualMLP",
    "transformer": "praxia.heads.denoisers.transformer:Transformer",
    "unet": "praxia.heads.denoisers.unet:UNet",
}
