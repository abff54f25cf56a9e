"""Pages in a process of their own: what they import, and when their server answers."""

import os
import subprocess
import sys
import time
import urllib.request

from psm_viz.paths import ROOT


def assert_no_model_imported(*scripts: str, first: str = "", **environment: str) -> None:
    """Run pages in a fresh interpreter, after the code `first`: no model library gets loaded."""
    code = (
        "import sys\n"
        f"{first}\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"for script in {scripts!r}:\n"
        "    at = AppTest.from_file(script, default_timeout=60).run()\n"
        "    assert not at.exception, at.exception\n"
        "heavy = {'torch', 'umap', 'transformers', 'transformer_lens', 'sklearn', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def wait_for_server(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the dashboard at `url` says that it is healthy."""
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            assert process.poll() is None, "the server ended before it answered"
            time.sleep(0.25)
    raise AssertionError(f"the server at {url} did not answer within half a minute")
