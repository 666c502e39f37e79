"""Smaller textures for small images: they are nearly all of the graphics memory that a scene takes."""

import mujoco
import numpy as np

__all__ = ["shrink"]


def shrink(model: mujoco.MjModel, pixels: int) -> None:
    """Halve the textures of a compiled model, in place, until none is wider than `pixels`.

    Texels are averaged, as the mip maps of a distant surface are. The six faces of a cube lie below each other, so
    that halving does not mix them.
    """
    for texture in range(model.ntex):
        height, width = int(model.tex_height[texture]), int(model.tex_width[texture])
        channels, start = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
        texels = model.tex_data[start : start + height * width * channels].reshape(height, width, channels)
        while texels.shape[1] > pixels and texels.shape[0] % 2 == texels.shape[1] % 2 == 0:
            quarters = texels.reshape(texels.shape[0] // 2, 2, texels.shape[1] // 2, 2, channels)
            texels = quarters.mean(axis=(1, 3)).round().astype(np.uint8)
        model.tex_data[start : start + texels.size] = texels.reshape(-1)
        model.tex_height[texture], model.tex_width[texture] = texels.shape[:2]
