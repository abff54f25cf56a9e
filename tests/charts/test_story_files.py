"""A story on paper and as a moving picture."""

import io
import re
import warnings

import pytest
from PIL import Image

from psm_viz.charts.story_clip import BETWEEN, clip, places
from psm_viz.charts.story_handout import handout, lines_of, page
from psm_viz.charts.story_numbers import Run
from psm_viz.errors import BadInput
from tests.made.stories import STORY, told


def test_a_handout_has_a_page_a_step_with_words_and_notes(talk_study):
    from pypdf import PdfReader

    own = told(talk_study)
    read = PdfReader(io.BytesIO(handout(own)))
    assert len(read.pages) == len(own.steps)
    texts = [p.extract_text() for p in read.pages]
    assert "Only the speaker reads this." in texts[0] and "1 of 6" in texts[0]
    assert "How many are bad?" in texts[3] and own.source in texts[5]
    assert {(float(p.mediabox.width), float(p.mediabox.height)) for p in read.pages} == {(595, 842)}


def test_a_page_with_many_words_still_fits(talk_study):
    long = "word " * 500
    own = told(talk_study, STORY.replace("Talk 7 is ringed.", long))
    drawn = page(own.steps[1], own, 2)
    # what stands below the figure comes last, and the foot of the page under it
    below, tail = re.findall(r'<g transform="translate\(0 ([\d.]+)\)">(.*?)</g>', drawn, re.S)[-1]
    placed = [float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)"', tail)]
    assert float(below) + max(placed) < 800


def test_lines_break_between_words_and_keep_their_figures():
    runs = [Run("one two "), Run("33%", True), Run(" three four five")]
    lines = lines_of(runs, 10, 60)
    assert len(lines) > 1
    assert (
        "".join(r.text for line in lines for r in line).replace(" ", "") == "onetwo33%threefourfive"
    )
    assert [r.text.strip() for line in lines for r in line if r.figure] == ["33%"]


def test_a_clip_rests_at_saved_steps():
    stills = list(places(3))
    assert len(stills) == 2 * BETWEEN + 1
    assert [at for at, _ in stills][::BETWEEN] == [0.0, 1.0, 2.0]
    assert stills[0][1] > stills[1][1] < stills[-1][1]


@pytest.mark.parametrize("form", ["webp", "gif"])
def test_a_clip_moves(talk_study, form, monkeypatch):
    monkeypatch.setattr("psm_viz.charts.story_clip.BETWEEN", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = clip(told(talk_study), form)
    image = Image.open(io.BytesIO(data))
    assert image.format == form.upper() and image.n_frames == 5
    first = image.convert("RGB")
    image.seek(4)
    assert first.tobytes() != image.convert("RGB").tobytes()


def test_a_story_in_which_nothing_moves_makes_no_clip(talk_study):
    own = told(talk_study, STORY.split("  - title: Along training")[0])
    with pytest.raises(BadInput, match="moves"):
        clip(own, "webp")
