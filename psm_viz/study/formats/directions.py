"""A direction of the residual stream from a file: NumPy (`.npy`), safetensors or JSON.

It is one vector [d_model], or one a layer [layer, d_model], of which a study takes its own layer's.
Nothing is unpickled; a `.pt` file is not read here, since the dashboard knows no torch.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from jaxtyping import Float

from psm_viz.errors import BadFile

ENDS = ("npy", "safetensors", "json")
"""What names of files end with."""
PLAIN = "In torch: numpy.save('direction.npy', x.detach().float().cpu().numpy())"
CONVERT = f"A .pt file becomes one: x = torch.load(FILE, weights_only=True). {PLAIN}"


def parse_direction(
    data: bytes, name: str, d_model: int, layer: int
) -> Float[np.ndarray, " d_model"]:
    """The direction in a file of this name, at a layer. Raises BadFile."""
    end = name.rpartition(".")[2].lower()
    try:
        if end == "npy":
            held: Any = np.load(io.BytesIO(data), allow_pickle=False)
        elif end == "safetensors":
            held = _only_tensor(data, name)
        elif end == "json":
            held = json.loads(data.decode("utf-8-sig"))
        else:
            raise BadFile(f"{name}: expected a file that ends in .{', .'.join(ENDS)}.", CONVERT)
        if np.iscomplexobj(held):
            raise BadFile(f"{name}: holds complex numbers, expected real ones.", PLAIN)
        values = np.asarray(held, dtype=np.float64)
    except BadFile:
        raise
    except Exception as e:  # whatever a reader of bytes may raise
        raise BadFile(
            f"{name}: no numbers can be read from it ({type(e).__name__}); expected are those of "
            "half, single or double precision.",
            PLAIN,
        ) from e
    if values.ndim == 2 and values.shape[1] == d_model and layer < len(values):
        values = values[layer]
    if values.shape != (d_model,):
        raise BadFile(
            f"{name}: numbers of shape {list(values.shape)}, expected [{d_model}], or "
            f"[layer, {d_model}] with a row for layer {layer}.",
            "It has to be of this study's model.",
        )
    if not np.isfinite(values).all() or not np.abs(values).max() > 0:
        raise BadFile(f"{name}: expected finite numbers that are not all 0.", "Save it again.")
    return values


def _only_tensor(data: bytes, name: str) -> np.ndarray:
    from safetensors.numpy import load

    held = load(data)
    if len(held) != 1:
        raise BadFile(
            f"{name}: holds {len(held)} tensors ({', '.join(list(held)[:4])}), expected one.",
            "Save the one direction by itself.",
        )
    return next(iter(held.values()))
