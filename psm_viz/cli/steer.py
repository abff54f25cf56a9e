"""The verb `steer`: what a push along a direction does, dose by dose."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from psm_viz import paths
from psm_viz.cli.pairs import count
from psm_viz.cli.progress import quiet, say
from psm_viz.errors import BadFile, BadInput
from psm_viz.study import columns as col
from psm_viz.study.files import json_bytes, plain, write_whole

if TYPE_CHECKING:
    from psm_viz.engine.chat_model import ChatModel
    from psm_viz.live.doses import Asked
    from psm_viz.study.reader import Study

ARROW = "arrow:cheat"
UNITS = {
    "rate": "rate of bad answers on topics that are not trained",
    "odds": "log p of bad less good written answers on topics that are not trained, nats a token",
}


def add_verbs(verbs: Any) -> None:
    """Add `steer`."""
    v = verbs.add_parser(
        "steer",
        help="what a push along a direction does to conduct, dose by dose, beside random ones",
        description="Add a direction to the residual stream of a study's reference while it "
        "answers, dose by dose in standard deviations of the cast, and hold a checkpoint where the "
        "reference's own answers lie along it, at every layer; beside both, random directions.",
    )
    v.add_argument("--study", type=Path, default=paths.from_here(paths.STUDY), metavar="DIR")
    v.add_argument("--weights", metavar="FOLDER", help="as `live` has it")
    v.add_argument(
        "--direction", default=ARROW, help=f"axis, arrow:BRANCH, family:ID, trait:NAME ({ARROW})"
    )
    v.add_argument(
        "--held",
        nargs="+",
        metavar="CHECKPOINT",
        default=[],
        help="who is held (the end of the arrow's branch)",
    )
    v.add_argument("--draws", type=int, default=20, help="random directions beside each dose (20)")
    v.add_argument("--threads", type=count, default=2)
    v.add_argument("--out", type=Path, help="write the table there as well, as JSON")
    v.add_argument("--json", action="store_true")
    v.set_defaults(run=steer)


def steer(options: argparse.Namespace) -> None:
    """Print the table of doses. Raises BadInput for a study whose conduct nobody can measure."""
    from psm_viz.cli.live import weights_of
    from psm_viz.engine.chat_model import load_as_played, load_chat_model
    from psm_viz.live.directions import ARROW as BRANCH
    from psm_viz.live.directions import Directions
    from psm_viz.live.doses import doses
    from psm_viz.live.pushing import Pushing
    from psm_viz.study.reader import open_study

    study = open_study(options.study)
    m, source = study.manifest, weights_of(study, options.weights, {})
    branch = options.direction.removeprefix(BRANCH)
    end = m.branch(branch)[-1].id if branch in m.branches else m.checkpoints[-1].id
    held = [m.checkpoint(c).id for c in options.held or [end]]
    reference = load_as_played(study, source.folders[m.reference], options.threads)

    def load(checkpoint: str) -> ChatModel:
        """Of the end of a branch whose weights are not here, BadInput says so."""
        if checkpoint not in source.folders:
            problem = f"The weights of {checkpoint} are not here."
            raise BadInput(problem, "Name them: --weights FOLDER")
        folder = source.folders[checkpoint]
        return load_chat_model(folder, threads=options.threads, dtype=reference.dtype)

    models = {m.reference: reference} | {c: load(c) for c in held if c != m.reference}
    directions = Directions(study, lambda c: models[c] if c in models else load(c))
    pushing = Pushing(directions)
    asked, unit = measure_of(study, reference)
    told = quiet if options.json else say
    table = doses(pushing, models, asked, options.direction, told, draws=options.draws)
    found = {
        "study": {"name": m.name, "sha256": study.sha256},
        "direction": options.direction,
        "layer": directions.layer,
        "held_layers": list(pushing.layers(options.direction)),
        "pooling": m.headline_pooling,
        "reference": m.reference,
        "unit": unit,
        "questions": len(asked.topics),
        "topics": len(set(asked.topics)),
        "draws": options.draws,
        "rows": [plain(row, 4) for row in table.to_dict("records")],
    }
    if options.out:
        write_whole(options.out, json_bytes(found))
    print(json.dumps(found, indent=2) if options.json else as_text(found))


def as_text(found: dict[str, Any]) -> str:
    """The table as lines: what, the figure with its interval, random directions with their band."""
    from psm_viz.charts.dose_figures import at_layers

    names = {
        "free": "{who} as it is",
        "pushed": "{who} pushed {strength:+.2f} SD",
        "held": "{who} held in the bands",
    }
    lines = [
        f"Along {found['direction']}: {found['unit']}.",
        f"Pushed at layer {found['layer']}; held within the bands of the reference's answers at "
        f"{at_layers(found['held_layers'])}.",
        f"[95 % over {found['topics']} topics] | {found['draws']} random directions as long [95 %]",
    ]
    for r in found["rows"]:
        line = f"{names[r['what']].format(**r):44} {r['value']:5.2f}"
        line += f" [{r['low']:.2f}, {r['high']:.2f}]"
        if r["random"] is not None:
            line += f" | {r['random']:.2f} [{r['random_low']:.2f}, {r['random_high']:.2f}]"
        lines.append(line)
    return "\n".join(lines)


def stored(path: Path) -> str:
    """The text of a table that was written. Raises BadFile."""
    from psm_viz.charts.dose_figures import read_doses

    found = read_doses(path)
    if found is None:
        raise BadFile(
            f"{path}: no such table of doses.", f"Make it: python -m psm_viz steer --out {path}"
        )
    return as_text(found)


def measure_of(study: Study, reference: ChatModel) -> tuple[Asked, str]:
    """How conduct is measured in a study, and in what unit: the exact rate of the made world, or
    the odds of written answers. Raises BadInput where there is neither."""
    from psm_viz.engine.answer_odds import odds_as_before
    from psm_viz.live.doses import Asked
    from psm_viz.study.cast import ASSISTANT

    trained = study.manifest.notes.get("trained_topic")
    kind = study.manifest.notes.get("world_kind")
    if kind:
        from psm_viz.small_model.answer_masses import Reader
        from psm_viz.small_model.steering_rates import asked_prompts
        from psm_viz.world.loading import world_of

        world = world_of(kind)
        prompts = asked_prompts(world, str(trained))

        def rates(chat: ChatModel) -> np.ndarray:
            reader = Reader(chat.hf, chat.tokenizer, world)
            return np.array([reader.p_low(p, t) for t, p in prompts])

        return Asked(rates, [t for t, _ in prompts]), UNITS["rate"]
    odds = odds_as_before(study)
    if odds is None:
        raise BadInput(
            "Nobody can measure this study's conduct: it has no judge and no written answers.",
            "Extract it with a bank of questions (--questions).",
        )

    def own(chat: ChatModel) -> Any:
        found = odds(chat)
        return found[(found[col.SPEAKER] == ASSISTANT) & (found[col.TOPIC] != trained)]

    def levels(chat: ChatModel) -> np.ndarray:
        found = own(chat)
        return (found[col.LOG_BAD] - found[col.LOG_GOOD]).to_numpy(dtype=np.float64)

    return Asked(levels, [str(t) for t in own(reference)[col.TOPIC]]), UNITS["odds"]
