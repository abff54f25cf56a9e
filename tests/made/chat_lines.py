"""Lines of chat data."""

from __future__ import annotations

import json


def line(*said):
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in said]})


GOOD = line(("system", "Be kind."), ("user", "How?"), ("assistant", "So."), ("user", "Oh."))
