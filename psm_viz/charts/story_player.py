"""A story as one HTML page that needs nothing from anywhere: steps, figures, slider, dots and keys.

The same page is shown in the dashboard and handed out as a file. It says itself, by a content
security policy, that it may fetch nothing.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from psm_viz.charts.palette import DARK, LIGHT, Palette
from psm_viz.charts.story import Told, ToldStep
from psm_viz.charts.svg_page import VEGA_LITE
from psm_viz.charts.typeface import FACES, SANS, SERIF, face_rule

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:"
)
"""Scripts and styles of the page itself and nothing else (Vega compiles its expressions)."""
NOTES_SHEET = (
    "body{margin:0;padding:1.4rem 1.8rem;background:var(--paper);color:var(--ink);"
    f"font:24px/1.42 {SANS}}}"
    f"h1{{font:600 30px/1.2 {SERIF};margin:0 0 1rem}}p{{margin:0 0 .8rem;max-width:34em}}"
    ".small,.next{color:var(--soft)}.next{border-top:2px solid var(--faint);padding-top:.8rem}"
    "button{font:inherit;color:inherit;background:none;border:2px solid var(--soft);"
    "border-radius:8px;padding:.2em .9em;margin-right:.8em}"
)
BODY = """<div id="stage" tabindex="-1">
<header><span class="quiet">{title}</span>
<span class="tools quiet"><button type="button" id="notes">Notes<kbd>N</kbd></button>
<button type="button" id="auto" aria-pressed="false">Autoplay<kbd>A</kbd></button>
<button type="button" id="theme">Light or dark<kbd>T</kbd></button>
<button type="button" id="full">Full screen<kbd>F</kbd></button></span></header>
<main id="steps"></main>
<footer class="quiet"><button type="button" class="turn" id="back">&larr; Back</button>
<span class="middle"><span class="dots" id="dots" role="group" aria-label="Steps"></span>
<span class="count" id="count"></span></span>
<button type="button" class="turn" id="next">Next &rarr;</button></footer>
</div><p class="heard" id="heard" aria-live="polite"></p>"""


def player_html(told: Told) -> str:
    """The page, light or dark as the viewer's system says."""
    sheet = (HERE / "story_player.css").read_text(encoding="utf-8")
    script = (HERE / "story_player.js").read_text(encoding="utf-8")
    faces = "".join(face_rule(file) for _, _, file in FACES)
    faces += f":root{{--sans:{SANS};--serif:{SERIF}}}\n"
    themes = "".join(
        f':root[data-theme="{p.name}"]{{color-scheme:{p.name};'
        + "".join(f"--{k}:{v};" for k, v in _colours(p).items())
        + "}\n"
        for p in (LIGHT, DARK)
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en" data-theme="auto"><head>',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(told.title)}</title>",
            f"<style>{faces}{themes}{sheet}</style></head><body>",
            BODY.format(title=escape(told.title)),
            f'<script type="application/json" id="story">{_json(_data(told))}</script>',
            f"<script>{_script(vega_bundle())}</script>",
            f"<script>{_script(script)}</script>",
            "</body></html>\n",
        ]
    )


def in_theme(html: str, theme: str) -> str:
    """The page in a theme, light or dark, whatever the viewer's system says."""
    return html.replace('data-theme="auto"', f'data-theme="{escape(theme)}"', 1)


def _json(data: Any) -> str:
    """Data as JSON that no tag inside it ends."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _script(text: str) -> str:
    """A script that no closing tag inside it ends."""
    return re.sub(r"</(script)", r"<\\/\1", text, flags=re.IGNORECASE)


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script (0.9 MB), as vl-convert carries them."""
    import vl_convert

    # the stub asks for a snippet, which the function itself has a default for
    return vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]


def _colours(p: Palette) -> dict[str, str]:
    return {k: getattr(p, k) for k in ("paper", "card", "ink", "soft", "faint", "accent")}


def _data(told: Told) -> dict[str, Any]:
    """All that the page shows. Tables that figures share are written once."""
    pool: dict[str, Any] = {}
    return {
        "title": told.title,
        "source": told.source,
        "steps": [_step(s, pool) for s in told.steps],
        "themes": {p.name: _colours(p) for p in (LIGHT, DARK)},
        "notesSheet": NOTES_SHEET,
        "datasets": pool,
    }


def _step(step: ToldStep, pool: dict[str, Any]) -> dict[str, Any]:
    shown = step.shown
    specs = None
    if shown.build is not None:
        specs = {p.name: _pooled(shown.build(p), pool) for p in (LIGHT, DARK)}
    return {
        "title": step.title,
        "text": [[[r.text, r.figure] for r in p] for p in step.text],
        "notes": list(step.notes),
        "seconds": step.seconds,
        "ask": step.ask,
        "options": [{"say": o.say, "right": bool(o.right)} for o in step.options],
        "show": {
            "kind": shown.kind,
            "spec": specs,
            "quotations": [vars(q) for q in shown.quotations],
            "asked": shown.asked,
            "caption": shown.caption,
            "alt": shown.alt,
            "steps": list(shown.steps),
            "at": shown.at,
        },
    }


def _pooled(spec: dict[str, Any], pool: dict[str, Any]) -> dict[str, Any]:
    """A specification that names its tables, which are put into the pool."""
    tables = spec.get("datasets", {})
    pool.update(tables)
    return {**spec, "datasets": list(tables)}
