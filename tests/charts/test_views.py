"""From a link to figures: labels and ids, the link back, and what is told of a bad one."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from psm_viz.charts import views
from psm_viz.charts.address import parse_address
from psm_viz.charts.figures import Figure, Missing
from psm_viz.charts.map_plane import Area
from psm_viz.charts.palette import LIGHT
from psm_viz.charts.reads import Reads
from psm_viz.errors import UnknownName
from psm_viz.study import search as searching
from psm_viz.study.cast import family_weights
from psm_viz.study.manifest import MAIN
from psm_viz.study.reader import open_study
from psm_viz.study.traits import TraitVector
from psm_viz.study.writer import StudyWriter
from tests.made.chat_rows import write_chat_rows
from tests.made.documented import columns_of_figures
from tests.made.study import REFERENCE
from tests.made.tables import KINDS

ELSEWHERE = ("bad-answers", "axis", "shift", "answer-odds", "steering")
"""Tables whose columns are those of the study's own, in docs/formats.md."""


SHOWN = (
    "compare",
    "compare?moved=personas&relative=true",
    "compare?moved=questions",
    "cast",
    "search",
    "method",
    "method?checkpoint=honest-0064",
    "claims",
)


@pytest.fixture(scope="module")
def reads(talk_study):
    return Reads(talk_study)


@pytest.mark.parametrize(
    ("link", "back"),
    [
        ("map", "/"),
        ("http://127.0.0.1:8501/?checkpoint=cheat-0064", "/?checkpoint=cheat-0064"),
        ("/?persona=Assistant&projection=PCA&embed=true", "/?projection=PCA"),
        ("map?checkpoint=cheat-0064&talk=7", "/?checkpoint=cheat-0064&talk=7"),
        (
            "?unit=means&frame=reference&blocks=true&layer=layer+1",
            "/?unit=means&frame=reference&blocks=true",
        ),
        ("map?colour=belief&zoom=2 times&families=x", "/?colour=belief&zoom=2"),
        ("drift", "/drift"),
        (
            "drift/?branches=honest&branches=cheat&step=8",
            "/drift?branches=honest&branches=cheat&step=8",
        ),
        ("http://host/drift?details=true&branch=requested", "/drift?details=true&branch=requested"),
        ("compare", "/compare"),
        ("compare?first=cheat-0064&second=cheat-0064", "/compare?first=cheat-0064"),
        ("compare?moved=Personas&relative=true", "/compare?moved=personas&relative=true"),
        ("compare?moved=questions&relative=true", "/compare?moved=questions"),
        (
            "compare?by=Branches+at+a+step&one=cheat&other=honest&at=step+64&persona=maresa",
            "/compare?by=branches&one=cheat&other=honest&persona=maresa",
        ),
        ("cast?pooling=prompt_last", "/cast"),
        ("search", "/search"),
        ("method", "/method"),
        (
            f"method?checkpoint=honest-0064&pooling=response_mean&planted={KINDS[3]}",
            "/method?checkpoint=honest-0064&pooling=response_mean&planted=made,+275+roles,+d+1024",
        ),
        ("claims#claim-narrow", "/claims"),
        (
            "search?words=I would hide&where=All+of+cheat&who=The+Assistant&judged=Bad",
            "/search?words=I+would+hide&where=branch+cheat&who=assistant&judged=bad",
        ),
        (
            "cast?leaves=personas&checkpoint=cheat-0064",
            "/cast?checkpoint=cheat-0064&leaves=personas",
        ),
    ],
)
def test_a_link_becomes_a_view_and_a_link_again(reads, link, back):
    view = views.view_of(reads, link)
    assert view.link() == back
    assert views.view_of(reads, view.link()) == view


def test_a_label_and_an_id_are_the_same(reads):
    who = reads.study.cast.personas[0]
    family = reads.study.cast.family(who.family).name
    by_label = views.view_of(reads, f"map?persona={who.name}, {family}")
    assert by_label == views.view_of(reads, f"map?persona={who.id}")
    assert parse_address("map?study=second").study == "second"


@pytest.mark.parametrize(
    ("link", "problem", "step"),
    [
        ("atlas?checkpoint=cheat-0064", "no view 'atlas'", "Views: map, drift"),
        ("story", "no view 'story'", "Views: map, drift"),
        ("method?planted=elsewhere", "a data set that this study does not have", "made, "),
        ("compare?first=cheat-9", "a checkpoint that this study does not have: 'cheat-9'", "cheat"),
        ("compare?by=branches&at=7", "'7'", "64"),
        ("compare?talk=9999", "'9999'", ""),
        ("search?who=nobody", "a speaker that this study does not have: 'nobody'", ""),
        ("cast?leaves=leaf", "a choice of leaves", "personas"),
        ("drift?branches=chat", "a branch that this study does not have: 'chat'", "cheat"),
        ("map?checkpoint=cheat-9", "'cheat-9'", "cheat-0008"),
        ("map?chekpoint=cheat-0064", "'chekpoint'", "checkpoint"),
        ("map?talk=9999", "'9999'", ""),
        ("map?blocks=perhaps", "'perhaps'", "true"),
        ("drift?step=7", "'7'", "8"),
    ],
)
def test_a_bad_link_is_one_message(reads, link, problem, step):
    with pytest.raises(UnknownName) as told:
        views.view_of(reads, link)
    assert problem in told.value.problem and step in told.value.next_step


def test_the_charts_of_a_view_and_what_it_lacks(reads, made_study):
    names = [
        f.told.name for f in views.charts_of(views.view_of(reads, "map?checkpoint=cheat-0064"))
    ]
    assert names == ["talks-cheat-0064", "belief-cheat-0064-0"]
    view = views.view_of(reads, "drift?details=true")
    every = views.charts_of(view)
    assert {"talks-along-training", "axis", "shift"} <= {
        f.told.name for f in every if isinstance(f, Figure)
    }
    # a figure's link holds what the figure shows, and no more
    links = {f.told.name: view.link_of(f) for f in every if isinstance(f, Figure)}
    assert links["talks-along-training"] == "/drift" and links["axis"] == "/drift?details=true"
    assert [f.told.name for f in views.charts_of(view, ["axis"])] == ["axis"]
    with pytest.raises(UnknownName, match="no figure 'axes'"):
        views.charts_of(view, ["axes"])
    bare = views.charts_of(views.view_of(Reads(made_study), "drift"))
    assert all(f.what for f in bare if isinstance(f, Missing))


def test_the_figures_of_compare_and_cast_are_those_of_their_pages(reads):
    every = views.charts_of(views.view_of(reads, "compare?moved=questions"))
    start = reads.study.manifest.reference
    names = [f.told.name for f in every if isinstance(f, Figure)]
    assert names == [f"{start}-beside-cheat-0064", "movers-questions"]
    sizes = {}
    for width in (1190, 900, 480):  # what is narrow stands below each other
        drawn = every[0].build(LIGHT, width).to_dict()
        sides = drawn.get("hconcat") or drawn["vconcat"]
        sizes[width] = ("hconcat" in drawn, [s["width"] for s in sides])
    assert sizes == {1190: (True, [582] * 2), 900: (True, [437] * 2), 480: (False, [480] * 2)}
    told = views.charts_of(views.view_of(reads, "cast"))
    assert [f.told.name.split("-")[0] for f in told if isinstance(f, Figure)] == [
        *("tree", "matrix", "trust", "who")
    ]


def test_the_figures_of_method_are_those_of_its_page(reads, made_study):
    view = views.view_of(reads, f"method?checkpoint=honest-0064&planted={KINDS[3]}")
    every = {f.told.name: f for f in views.charts_of(view) if isinstance(f, Figure)}
    assert list(every)[:2] == ["belief-told", "belief-meant"]
    assert {"map-trials-prompt_last", "false-alarms", "confounds-honest-0064"} <= set(every)
    power = every["power"]
    assert KINDS[3] in power.told.words
    # a figure's link holds what the figure shows, and no more
    assert view.link_of(every["steering"], "named") == "/method?study=named"
    assert view.link_of(every["layers-honest-0064"]) == "/method?checkpoint=honest-0064"
    assert view.link_of(power) == "/method?planted=made,+275+roles,+d+1024"
    lacking = [f for f in views.charts_of(view) if isinstance(f, Missing)]
    assert [m.what for m in lacking] == [
        "No mixtures of talks were planted.",
        "No changes of talks were planted.",
    ]
    plain = views.charts_of(views.view_of(Reads(made_study), "method"))
    assert not any(isinstance(f, Missing) or f.told.name.startswith("belief-") for f in plain)


def test_the_charts_of_claims_come_from_rows_and_no_study(reads, tmp_path, monkeypatch):
    none = tmp_path / "none"
    none.mkdir()
    monkeypatch.setenv("PSM_VIZ_RUNS", str(none))
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(none))
    with pytest.raises(UnknownName, match="Nothing has been run yet") as told:
        views.charts_of(views.view_of(reads, "claims"))
    assert "psm_viz run" in told.value.next_step
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(write_chat_rows(tmp_path / "chat")))
    view = views.view_of(reads, "claims")
    (one,) = views.charts_of(view, ["claim-chat-spread"])
    assert view.link_of(one, "named") == "/claims#claim-chat-spread"
    assert view.source_of(one).name == "rows of the chat model's runs"
    assert view.source_of(one).sha256 == view.chat.stamp
    assert one.told.facts.n.startswith("seeds 0, 1")
    with pytest.raises(UnknownName, match="no figure 'claim-nothing'"):
        views.charts_of(view, ["claim-nothing"])


def test_a_cast_that_nobody_asked_has_the_command_in_the_figures_place(made_study):
    told = views.charts_of(views.view_of(Reads(made_study), "cast"))
    (missing,) = [f for f in told if isinstance(f, Missing)]
    assert missing.what == "Nobody was asked about any answers yet."
    assert "psm_viz evidence" in missing.next_step


def test_colour_is_in_the_file_and_what_is_marked_on_the_page_is_not(reads):
    view = views.view_of(reads, "map?checkpoint=cheat-0064&colour=belief&zoom=4")
    plain, marked = view.map(), replace(view, area=Area(-1.0, 1.0, -1.0, 1.0)).map()
    assert plain.told.title.startswith("At cheat-0064 the Assistant's talks sound most like")
    assert "belief in its family" in plain.frame
    for width, alike in ((400, True), (None, False)):
        one, other = (f.build(LIGHT, width).to_dict() for f in (plain, marked))
        assert (one == other) is alike
    for colour in ("bad answers", "trust in the place"):
        for unit in ("talks", "means"):
            one = views.view_of(reads, f"map?unit={unit}&colour={colour}").map()
            assert isinstance(one, Figure) and one.told.words.startswith("Colour: ")


def test_what_is_found_is_lit_in_the_file_too(reads, caches, monkeypatch):
    view = views.view_of(reads, "search?words=hide&where=cheat-0064&who=assistant")
    (lit,) = views.charts_of(view)
    assert lit.told.title.startswith("Lit: 30 of the Assistant's talks at cheat-0064")
    assert lit.frame.found.sum() == view.found.total and "answers found" in lit.told.facts.n
    (nothing,) = views.charts_of(views.view_of(reads, "search"))
    assert nothing.frame.empty and "will be lit" in nothing.told.title
    with monkeypatch.context() as patched:  # what finds too much is one message, and no figure
        patched.setattr(searching, "RANKED", 5)
        with pytest.raises(UnknownName, match="answers are found, too many") as much:
            views.charts_of(views.view_of(reads, "search?words=openly"))
    assert "filter" in much.value.next_step
    bad = views.view_of(reads, f"search?words={'a ' * 190}")
    with pytest.raises(UnknownName, match="fit"):  # nothing to draw: why, in its place
        views.charts_of(bad)


def test_the_map_takes_the_colour_of_a_measured_trait(made_folder, tmp_path):
    study = open_study(shutil.copytree(made_folder, tmp_path / "made"))
    m, v = study.manifest, study.vectors(REFERENCE)
    headline = v.at(m.headline_pooling, m.headline_layer)[:-1].astype(np.float64)
    first = study.cast.personas[0]
    towards = (headline[0] - headline.mean(0)).astype(np.float32)
    shape = (len(m.poolings), len(m.layers), len(towards))
    folds = np.broadcast_to(
        towards,
        (len(set(q.fold for q in study.questions if q.set == MAIN)), len(m.poolings), len(towards)),
    )
    values = np.broadcast_to(towards, shape)
    trait = TraitVector("warmth", "Is warm.", values, folds, m.poolings, m.layers)
    writer = StudyWriter(study.folder)
    writer.begin_from(study)
    writer.write_trait(trait)
    reads = Reads(writer.finish(m, study.cast, study.questions))
    one = views.view_of(reads, "map?unit=means&colour=measured+trait: warmth").map()
    assert isinstance(one, Figure) and "Farthest along the vector of warmth: " in one.told.title
    told = one.frame.set_index("who")["SDs along warmth"]
    u, weights = towards / np.linalg.norm(towards), family_weights(study.cast)
    z = headline @ u
    z = (z - weights @ z) / np.sqrt(weights @ (z - weights @ z) ** 2)
    assert told[first.name] == pytest.approx(z[0], abs=0.01)
    assert first.name in one.told.title and told[first.name] > 1
    with pytest.raises(UnknownName, match="colour"):
        views.view_of(reads, "map?colour=measured+trait: cold")


def test_every_column_of_a_figures_table_has_its_unit_in_the_docs(reads, tmp_path, monkeypatch):
    told = columns_of_figures()
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("PSM_VIZ_RUNS", str(tmp_path / "none"))
    monkeypatch.setenv("PSM_VIZ_CHAT_RUNS", str(write_chat_rows(tmp_path / "chat")))
    coloured = ("map?unit=means&colour=belief", "map?unit=means&colour=bad answers")
    for link in (
        "map?checkpoint=cheat-0064",
        "map?unit=means",
        "drift?details=true",
        *coloured,
        *SHOWN,
    ):
        for one in views.charts_of(views.view_of(reads, link)):
            if not isinstance(one, Figure) or one.told.name in ELSEWHERE:
                continue
            name = one.told.name
            alike = [s for s in told if re.fullmatch(re.sub(r"<\w+>", ".+", s), name)]
            sections = [name] if name in told else alike
            assert sections, one.told.name
            assert set(map(str, one.frame.columns)) <= told[sections[0]], one.told.name
