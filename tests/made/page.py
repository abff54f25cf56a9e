"""A page run without a browser: opened by a link, its words, its charts."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from psm_viz.paths import ROOT

MAP, DRIFT, CAST = "app.py", "pages/explore/drift.py", "pages/explore/cast.py"
COMPARE, SEARCH = "pages/explore/compare.py", "pages/explore/search.py"
METHOD, CLAIMS = "pages/about/method.py", "pages/about/claims.py"
PAGES = [MAP, DRIFT, COMPARE, SEARCH, METHOD]
"""The pages that show a study."""


def opened(monkeypatch, folder: Path, script: str = MAP, **link: str | list[str]) -> AppTest:
    """A page on the study in `folder`, as a link opens it with these parameters of its query."""
    monkeypatch.setenv("PSM_VIZ_STUDY", str(folder))
    monkeypatch.chdir(ROOT)
    at = AppTest.from_file(str(ROOT / script), default_timeout=60)
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    """All HTML of the page (notices, findings, captions, answers), without the style sheet."""
    bodies = [str(h.proto.body) for h in at.get("html")]
    return "\n".join(b for b in bodies if "<style>" not in b)


def alts(at: AppTest) -> list[str]:
    """What is said of each chart to those who do not see it."""
    return [str(c.proto.alt) for c in at.get("vega_lite_chart")]
