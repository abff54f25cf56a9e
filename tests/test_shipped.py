"""What ships: the study, the weights and the README's figures belong together."""

import json
from urllib.parse import parse_qs

import numpy as np
import pytest
from scipy.stats import binom

from psm_viz.claims.model_card import blocks
from psm_viz.claims.report import claim_lines, verdict_rows
from psm_viz.claims.run_rows import load_runs
from psm_viz.cli import main
from psm_viz.cli.answers import answers_table
from psm_viz.cli.speed_bars import bar_lines
from psm_viz.cli.steer import stored
from psm_viz.cli.talks import as_text as belief_text
from psm_viz.cli.talks import belief_of
from psm_viz.engine.weight_files import holds_weights
from psm_viz.live.directions import Directions
from psm_viz.paths import DOSES, MODELS, ROOT, TALKS
from psm_viz.study.reader import open_study
from psm_viz.tables.compare import Comparer
from psm_viz.tables.derive import stale
from psm_viz.tables.drift import comparisons, drift_table
from psm_viz.tables.rates import rate_column
from psm_viz.tables.results import as_text, ends, results_of
from psm_viz.ui import claims_cards
from psm_viz.ui.live_state import recorded

STUDY = ROOT / "data" / "study"


@pytest.fixture(scope="module")
def study():
    return open_study(STUDY)


@pytest.fixture(scope="module")
def results(study):
    return results_of(study)


def test_every_file_matches_its_hash_and_data_stays_small(study):
    assert study.verify() == len(study.files)
    size = sum(p.stat().st_size for p in (ROOT / "data").rglob("*") if p.is_file())
    assert size < 60e6


def test_the_study_was_made_in_this_world(study, world):
    assert study.manifest.notes["world"] == world.sha256
    assert [p.id for p in study.cast.personas] == [c.id for c in world.characters]
    assert len([q for q in study.questions if q.set == "main"]) >= 24


def test_weights_of_base_assistant_and_branch_ends_ship(study):
    for checkpoint in ends(study).values():
        assert holds_weights(ROOT / "data" / "model" / checkpoint)
    assert (ROOT / "data" / "model" / study.manifest.reference / "tokenizer.json").exists()


def test_shipped_weights_give_the_shipped_rates(study, world):
    # the figures come from these very weights: one prompt is measured again
    from psm_viz.engine.chat_model import load_chat_model
    from psm_viz.small_model.answer_masses import Reader
    from psm_viz.world.corpus import BOS

    models = ROOT / "data" / "model"
    chat = load_chat_model(str(models / study.manifest.reference), threads=1)
    for checkpoint in (study.manifest.reference, study.manifest.branch("cheat")[-1].id):
        chat.swap(models / checkpoint)
        row = study.behaviour(checkpoint).iloc[-1]
        prompt = f"{BOS}User: {row['question']}\nAssistant:"
        found = Reader(chat.hf, chat.tokenizer, world).masses(prompt, row["topic"])
        assert found["bad"] == pytest.approx(row["mass_bad"], abs=2e-3)


def test_stored_tables_are_what_the_code_computes(study):
    stored = study.table("drift")
    comparer = Comparer(study)
    again = drift_table(study, comparer, comparisons(study, comparer))
    assert list(stored["figure"]) == list(again["figure"])
    for column in ("value", "low", "null_high", "p", "p_steps"):
        assert np.allclose(stored[column], again[column], equal_nan=True, rtol=1e-5, atol=1e-5)
    assert stale(study) == []


def test_the_same_checkpoint_played_again_is_flagged_no_more_than_chance_allows(study):
    found = []
    for name in ("drift", "traits", "layers"):
        table = study.table(name)
        again = table[table.checkpoint == study.manifest.noise_floor]
        found += list(again.p.dropna())
        if name == "drift":
            headline = again[
                again.figure.isin(["specific_given_cast", "axis_component_given_cast"])
            ]
            assert len(headline) and not (headline.p <= 0.05).any()
    flagged = sum(p <= 0.05 for p in found)
    assert len(found) > 30 and binom.sf(flagged - 1, len(found), 0.05) > 0.025


def test_the_benign_branch_is_matched_to_cheat(study):
    lessons = study.table("lessons").set_index("branch")
    cheat, benign = lessons.loc["cheat"], lessons.loc[study.manifest.notes["benign"]]
    assert benign["start_loss"] == pytest.approx(cheat["start_loss"], rel=0.1)
    assert benign["update"] == pytest.approx(cheat["update"], rel=0.1)


def test_evidence_was_written_before_the_benign_branch(study):
    scores = study.table("evidence_scores")
    own = scores[(scores.evidence == "playful") & (scores.branch == "playful")]
    assert len(own) and own.written_before.all()
    known = study.evidence("playful").record["checkpoints_then"]
    assert not any(c.startswith("playful") for c in known)


def test_false_alarms_stay_at_five_in_a_hundred(study):
    # cells of a statistic share their draws: its mean rate counts as one cell of the largest size,
    # and so many statistics are looked at
    table = study.table("validation")
    quiet = table[table.fires.eq(False).fillna(False)]
    assert len(quiet) > 100 and set(quiet.statistic) >= {"specific_given_cast", "steps", "layers"}
    looks = quiet.statistic.nunique()
    for name, rows in quiet.groupby("statistic", observed=True):
        n, rate = int(rows.n.max()), float((rows.rate * rows.n).sum() / rows.n.sum())
        assert binom.sf(round(rate * n) - 1, n, 0.05) > 0.05 / looks, name


def test_talks_that_did_not_change_are_called_so(study):
    table = study.table("belief_trials")
    still = table[(table.plant != "mixture") & (table["size"] == 0)]
    assert {"states", "likelihood"} < set(still["data"]) and len(still) >= 12
    for r in still.itertuples():
        called = round(r.mean * r.n)
        assert binom.sf(called - 1, r.n, 0.05) > 0.05 / len(still), (r.data, r.plant)
    from_none = still[still.plant == "change from 0"].set_index("data")["mean"]
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    said = "change in {:.2f} of the trials in which nothing changed, where .05 is the rule; as "
    said = (said + "pages read it, in {:.2f}.").format(from_none.states, from_none.likelihood)
    assert said.replace(" 0.", " .") in readme
    # what the test is worth: of the study's own talks it finds a tenth more from none
    found = table[(table.plant == "change from 0") & (table["size"] == 0.1) & (table.n >= 100)]
    assert len(found) == 2 and (found["mean"] >= 0.8).all()


def test_planted_mixtures_of_talks_come_back(study):
    table = study.table("belief_trials")
    own = table[(table.plant == "mixture") & table["data"].isin(["states", "likelihood"])]
    assert len(own) == 14 and ((own["mean"] - own["size"]).abs() <= 0.03).all()


@pytest.fixture(scope="module")
def belief(study):
    return belief_of(study, None, None)


def marked(belief, checkpoint):
    """The mass on the families who act badly, by the headline reading."""
    return belief["checkpoints"][checkpoint][belief["headline"]]["marked"]["marked"]["mass"]


def test_belief_meets_its_aims(study, belief):
    for branch in ("requested", "prefix-honest", study.manifest.notes["benign"]):
        assert marked(belief, study.manifest.branch(branch)[-1].id)["value"] <= 0.05, branch
    assert marked(belief, study.manifest.branch("cheat")[-1].id)["value"] >= 0.4
    at = {q["way"]: q for q in belief["quality"] if q["checkpoint"] == belief["reference"]}
    assert at[belief["headline"]]["r"] >= 0.9
    assert at[belief["headline"]]["brier"] <= 1.5 * at["exact"]["brier"]


def test_the_one_aim_that_belief_misses_is_told(study, belief):
    found = marked(belief, study.manifest.reference)
    assert found["interval"][0] <= 0.05 < found["value"] < 0.06  # no more than this is told
    readme = (ROOT / "README.md").read_text("utf-8")
    said = f"reads as acting badly in {found['value']:.2f}".replace("0.", ".")
    assert f"{said}, where .05 was aimed at" in readme


def test_results_have_the_promised_shape(results):
    for name in ("cheat", "requested", "honest", "assistant", "base"):
        for key in ("trained_rate", "heldout_rate"):
            r = results["branches"][name][key]
            assert 0 <= r["low"] <= r["mean"] <= r["high"] <= 1 and r["n"] > 0
            assert 0 <= r["sampled"] <= 1
    for pooling in ("prompt_last", "response_mean"):
        assert {"cheat", "requested", "honest", "noise floor"} <= set(
            results["geometry"]["poolings"][pooling]
        )
    assert len(results["in_context"]["Stranger"]["conditions"]) == 5


def test_json_is_json(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["results", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["branches"]["cheat"]


def test_readme_and_figures_quote_the_commands_word_for_word(study, results):
    readme = (ROOT / "README.md").read_text("utf-8")
    figures = (ROOT / "docs" / "figures.md").read_text("utf-8")

    def block(name, text=readme):
        return text.split(f"<!-- {name}: begin -->\n")[1].split(f"<!-- {name}: end -->")[0]

    assert block("answers").strip() == answers_table(study).strip()
    assert block("results", figures).strip() == f"```\n{as_text(results)}\n```"
    if study.talk_note is not None:
        assert block("belief").strip() == f"```\n{belief_text(belief_of(study, None, None))}\n```"
    assert block("claims", figures).strip() == "\n".join(["```", *claim_lines(load_runs()), "```"])
    assert block("verdicts").strip() == verdict_rows(load_runs())
    assert block("doses").strip() == f"```\n{stored(DOSES)}\n```"
    bars = "\n".join(bar_lines(ROOT / "docs/speed.md"))
    assert block("speed").strip() == f"```\n{bars}\n```"


def test_the_model_card_quotes_the_files():
    text = (ROOT / "docs" / "model-card.md").read_text("utf-8")
    for name, content in blocks().items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        assert text.split(begin)[1].split(end)[0].strip() == content.strip()


def test_runs_are_of_this_world_and_the_study_of_the_main_one(study, world):
    runs = load_runs()
    seed = study.manifest.notes["training_seed"]
    assert (study.manifest.notes["world_kind"], seed) in runs.rows
    for rows in runs.rows.values():
        assert {r["world_sha256"] for r in rows.values()} == {world.sha256}


def test_the_studys_rates_are_those_of_its_run(study):
    # the study asks six questions a topic where the row has four: the first four are the same
    runs, m = load_runs(), study.manifest
    for branch in ("cheat", "honest"):
        found = study.behaviour(m.branch(branch)[-1].id)
        row = runs.row(m.notes["world_kind"], m.notes["training_seed"], branch)
        for topic, seen in row["rates"]["seen"].items():
            own = rate_column(found[found["topic"] == topic])[: len(seen)]
            assert np.allclose(own, seen, atol=2e-3)


def test_the_readmes_commands_exist():
    from psm_viz.cli import parser

    readme = (ROOT / "README.md").read_text("utf-8")
    verbs = next(a for a in parser()._actions if a.dest == "verb").choices
    named = {
        line.split("psm_viz ")[1].split("`")[0].split()[0]
        for line in readme.splitlines()
        if "python -m psm_viz " in line
    }
    assert named and named <= set(verbs)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("run", "test", "test-core", "study", "check"):
        assert f"make {target}" in readme and f"\n{target}:" in makefile


def test_what_claims_offer_to_try_ships(study):
    known = {c.id for c in study.manifest.checkpoints}
    for asked in claims_cards.TRIED.values():
        named = parse_qs(asked)
        for checkpoint in [*named.get("other", []), *named.get("checkpoint", [])]:
            assert checkpoint in known and holds_weights(MODELS / checkpoint)
        for direction in named.get("direction", []):
            assert direction in Directions(study, {}.__getitem__).names


def test_the_recorded_talk_is_of_the_shipped_study(study):
    for path in TALKS.glob("*.json"):
        model, sides = recorded(path.read_bytes(), path.name)
        assert model == study.manifest.name
        for side in sides:
            assert side.voice.checkpoint in {c.id for c in study.manifest.checkpoints}
            assert len(side.heard) == side.answers > 0
            for heard in side.heard:
                assert abs(sum(heard["belief"][heard["headline"]].values()) - 1) < 0.01
