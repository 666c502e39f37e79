"""What each recipe needs, how large it is and what it suits: for `praxia recipes`, without importing torch."""

from dataclasses import dataclass

__all__ = ["CAMERAS", "CATALOG", "GPU", "START_HERE", "WORLDS", "CatalogEntry"]

START_HERE = ("act", "diffusion-policy-unet", "flow")

CAMERAS = "any data with cameras"
GPU = "any data with cameras; a GPU"
# Models of the world for any data with cameras, whatever else they need; those for one benchmark are listed with it.
WORLDS = ("dino-wm", "world-decoder")


@dataclass(frozen=True)
class CatalogEntry:
    """`million_parameters` are counted with the benchmark's embodiment, and for any data with Tabletop's gantry.

    `benchmark` is the environment whose demonstrations it is made for; None: it takes any data with cameras.
    """

    million_parameters: float
    suits: str
    needs: str = CAMERAS
    benchmark: str | None = None


def _benchmark(name: str, million_parameters: float, suits: str) -> CatalogEntry:
    return CatalogEntry(million_parameters, suits, f"demonstrations of {name}", name)


def _weights(model: str, million_parameters: float, suits: str) -> CatalogEntry:
    return CatalogEntry(million_parameters, suits, f"{GPU}; the weights of {model}")


CATALOG = {
    "act": CatalogEntry(2.3, "precise movements, few demonstrations; one pass per chunk"),
    "diffusion-policy-unet": CatalogEntry(7.7, "tasks solved in several ways; 16 passes per chunk"),
    "flow": CatalogEntry(2.2, "several tasks, told apart by instructions; quickest to train"),
    "flow-corrected": CatalogEntry(3.0, "as flow, on robots that move while they decide"),
    "diffusion-policy-transformer": CatalogEntry(3.1, "as diffusion-policy-unet, with a smaller head"),
    "gr00t-n1": CatalogEntry(2.8, "several ways and instructions; a diffusion transformer"),
    "octo": CatalogEntry(2.4, "instructions; a transformer over patches and a diffusion head"),
    "openvla": CatalogEntry(2.4, "instructions; actions as tokens, one after another, slow"),
    "openvla-oft": CatalogEntry(2.4, "instructions; a whole chunk in one pass, L1"),
    "pi0": CatalogEntry(2.1, "several ways and instructions; flow with an action expert"),
    "pi0-fast": CatalogEntry(2.4, "instructions; compressed action tokens, slow to act"),
    "pi05": CatalogEntry(2.6, "as pi0, with the flow time in every norm"),
    "rt1": CatalogEntry(1.6, "instructions; actions as bins, in one pass"),
    "dino-wm": CatalogEntry(48.0, "a world in frozen features", f"{CAMERAS}; the weights of DINOv2-small"),
    "world-decoder": CatalogEntry(0.6, "images of what a trained world believes", f"{CAMERAS}; a trained world"),
    "act-published": CatalogEntry(51.6, "ACT as published: chunks of 100 at 50 Hz, two arms", GPU),
    "diffusion-policy-transformer-published": CatalogEntry(21.5, "Diffusion Policy's transformer as published", GPU),
    "diffusion-policy-unet-published": CatalogEntry(277.7, "Diffusion Policy's U-Net as published", GPU),
    "octo-published": CatalogEntry(23.8, "Octo-Small as published, many data sets", GPU),
    "rt1-published": CatalogEntry(38.6, "RT-1 as published, many tasks", GPU),
    "gr00t-n1-published": _weights("SmolVLM2-2.2B", 2150.4, "GR00T N1 as published, on a frozen model"),
    "openvla-oft-published": _weights("PaliGemma-3B", 2931.9, "fine-tuning by adapters, a chunk in one pass"),
    "openvla-published": _weights("PaliGemma-3B", 2923.5, "fine-tuning by adapters; with --vqa also RT-2's mixture"),
    "pi0-fast-published": _weights("PaliGemma-3B", 2923.7, "fine-tuning all of it, actions as FAST tokens"),
    "pi0-published": _weights("PaliGemma-3B", 3238.1, "fine-tuning all of it, flow with an action expert"),
    "pi05-published": _weights("PaliGemma-3B", 3353.5, "as pi0-published, with the state as text"),
    "flow-metaworld": _benchmark("metaworld", 1.8, "up to ten tasks"),
    "flow-metaworld-blind": _benchmark("metaworld", 1.6, "the control without images"),
    "flow-mt50": _benchmark("metaworld", 1.9, "all fifty tasks"),
    "flow-tabletop": _benchmark("tabletop", 2.2, "all training tasks"),
    "flow-tabletop-embodiments": _benchmark("tabletop", 2.2, "several robots at once"),
    "flow-tabletop-language-free": _benchmark("tabletop", 1.6, "the control without instructions"),
    "fis-tabletop": _benchmark("tabletop", 2.9, "as helix-tabletop, in one network"),
    "helix-tabletop": _benchmark("tabletop", 3.0, "a slow and a fast network, where things move"),
    "helix-tabletop-embodiments": _benchmark("tabletop", 3.0, "as helix-tabletop, several robots"),
    "act-tabletop-heads": _benchmark("tabletop", 1.8, "the comparison of heads"),
    "bins-tabletop-heads": _benchmark("tabletop", 1.6, "the comparison of heads"),
    "diffusion-unet-tabletop-heads": _benchmark("tabletop", 2.3, "the comparison of heads"),
    "dit-tabletop-heads": _benchmark("tabletop", 2.1, "the comparison of heads"),
    "fast-tabletop-heads": _benchmark("tabletop", 1.6, "the comparison of heads"),
    "flow-tabletop-heads": _benchmark("tabletop", 1.8, "the comparison of heads"),
    "flow-language-free-tabletop-heads": _benchmark("tabletop", 1.2, "the control without instructions"),
    "oft-tabletop-heads": _benchmark("tabletop", 1.6, "the comparison of heads"),
    "regression-tabletop-heads": _benchmark("tabletop", 0.9, "the comparison of heads"),
    "idm-tabletop": _benchmark("tabletop", 0.4, "actions for video: what led from frame to frame"),
    "bins-tworoom": _benchmark("tworoom", 0.2, "behaviour cloning, also from latent actions"),
    "lapa-tworoom": _benchmark("tworoom", 0.2, "latent actions: codes of what changes between frames"),
    "lewm-tworoom": _benchmark("tworoom", 0.6, "a model of the world: what actions lead to"),
    "flow-foresight-tworoom": _benchmark("tworoom", 1.2, "as flow-tworoom, foresight as a second loss"),
    "flow-tworoom": _benchmark("tworoom", 1.1, "the comparison with uwm-tworoom"),
    "uwm-tworoom": _benchmark("tworoom", 1.2, "a policy and a model of the world in one network"),
    "goal-inverse-tworoom": CatalogEntry(
        0.2, "actions to a goal at once, on a world's latents", "demonstrations of tworoom; a trained world", "tworoom"
    ),
    "regression-tworoom": _benchmark("tworoom", 0.2, "the same without a world, from images"),
    "regression-tworoom-goal-free": _benchmark("tworoom", 0.2, "the control without a goal"),
    "lewm-pusht": _benchmark("pusht", 0.6, "a model of the world: what actions lead to"),
    "diffusion-pusht": _benchmark("pusht", 4.2, "the comparison of heads"),
    "diffusion-unet-pusht": _benchmark("pusht", 1.6, "the comparison of heads"),
    "flow-pusht": _benchmark("pusht", 4.2, "the comparison of heads"),
    "regression-pusht": _benchmark("pusht", 1.0, "the comparison of heads"),
    "act-bimodal": _benchmark("bimodal", 1.2, "the comparison of heads"),
    "bins-bimodal": _benchmark("bimodal", 1.0, "the comparison of heads"),
    "diffusion-transformer-bimodal": _benchmark("bimodal", 1.3, "the comparison of heads"),
    "diffusion-unet-bimodal": _benchmark("bimodal", 5.1, "the comparison of heads"),
    "dit-bimodal": _benchmark("bimodal", 1.4, "the comparison of heads"),
    "fast-bimodal": _benchmark("bimodal", 0.9, "the comparison of heads"),
    "flow-bimodal": _benchmark("bimodal", 1.1, "the comparison of heads"),
    "oft-bimodal": _benchmark("bimodal", 0.9, "the comparison of heads"),
    "parallel-bins-bimodal": _benchmark("bimodal", 1.0, "the comparison of heads"),
    "regression-bimodal": _benchmark("bimodal", 0.3, "the comparison of heads"),
}
