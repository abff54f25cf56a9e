"""A model asked, as every persona of a cast, how likely it finds somebody's answers.

The likelihood of the persona selection model's update (definitions and source: `evidence`). Every
assistant message of a conversation is an answer y; its x is all that came before. The data's own
system messages give way to the persona's instruction, so that persona and Assistant are asked the
same thing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.engine.chat_model import Player, load_player
from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.stats import evidence as ev
from psm_viz.stats.evidence import Testimony
from psm_viz.study import evidence
from psm_viz.study.cast import Persona, family_weights
from psm_viz.study.evidence import Evidence
from psm_viz.study.formats import chat_data
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.reader import Study, open_study
from psm_viz.tables.derive import add_to

MODELS = Path("data/model")
"""Where the small model's weights are looked for."""
LOGITS = 2**26
"""Most logits held at once: 256 MB in single precision."""
ROWS = 64
"""Most texts in a batch: 256 take twice the time of 64 on two cores, whose caches they overflow."""


@dataclass(frozen=True)
class Asking:
    """What the evidence is made from."""

    data: Path
    name: str | None = None
    model: str | None = None
    limit: int = 256
    seed: int = 0
    threads: int | None = None


@dataclass(frozen=True)
class _Text:
    """A rendered conversation and where its answers stand: (answer number, start, end)."""

    text: str
    spans: tuple[tuple[int, int, int], ...]


@dataclass
class _Counts:
    """What was met on the way, counted in the Assistant's own reading."""

    unknown: int = 0
    unknown_answers: int = 0
    plain: int = 0
    """Answers that the template would not write as a continuation, scored as ' ' + their text."""


def record_evidence(study: Study, asking: Asking, say: Callable[[str], None]) -> Evidence:
    """Ask the study's reference model about a file of chat data and store the record.

    Raises BadFile or BadInput for data that cannot be used, BadInput where a record of that name
    exists: it is never overwritten, its date is its worth. UnknownName where there is no model.
    """
    name = evidence.check_name(asking.name or asking.data.stem)
    if name in study.evidences:
        raise _exists(study, name)
    try:
        raw = asking.data.read_bytes()
    except OSError as e:
        raise BadFile(f"{asking.data}: cannot be read ({e.strerror}).", chat_data.EXPECTED) from e
    read = chat_data.parse_chat(raw, str(asking.data))
    used = chat_data.drawn(read, asking.limit, asking.seed)
    folder = _model_of(study, asking.model)
    wording = study.manifest.generation.get("wording", "instructions")
    _check_wording(study, wording)
    player = load_player(folder, threads=asking.threads)
    _check_model(study, player, folder)
    systems = sum(c.systems for c in used)
    say(
        f"{len(used)} of {len(read)} conversations; {systems} system messages of their own give "
        "way to each persona's instruction"
    )
    heard, counts = ask(player, study.cast.all, wording, used, say)
    testimony = heard.usable()
    prior = family_weights(study.cast)
    ids = [p.id for p in study.cast.all]
    frame = ev.likelihood_table(ids, testimony, prior, asking.seed)
    study = open_study(study.folder)  # somebody may have written into it meanwhile
    arrows = _arrows(study, frame["weight"].to_numpy()[:-1])
    record = {
        "name": name,
        "data": asking.data.name,
        "data_sha256": hashlib.sha256(raw).hexdigest(),
        "examples_read": len(read),
        "examples_used": len(np.unique(testimony.example)),
        "answers": len(testimony.tokens),
        "tokens": int(testimony.tokens.sum()),
        "n_bar": testimony.n_bar,
        "skipped_too_long": testimony.skipped,
        "unknown_tokens": counts.unknown,
        "unknown_tokens_in_answers": counts.unknown_answers,
        "system_messages_replaced": systems,
        "answers_outside_template": counts.plain,
        "limit": asking.limit,
        "seed": asking.seed,
        "wording": wording,
        "reference": study.manifest.reference,
        "model": _model_note(folder),
        "headline_layer": study.manifest.headline_layer,
        "formula": ev.FORMULA,
        "source": ev.SOURCE,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "checkpoints_then": [c.id for c in study.manifest.checkpoints],
    }
    made = Evidence(record, frame, arrows)
    if name in study.evidences:
        raise _exists(study, name)
    add_to(study, lambda writer: writer.write_evidence(name, made))
    return made


def _exists(study: Study, name: str) -> BadInput:
    written = study.evidence(name).record["written_at"]
    return BadInput(
        f"{study.folder} already has evidence {name!r}, written {written}: a record is never "
        "overwritten, because its date is its worth.",
        "Give the new one another --name.",
    )


def _model_of(study: Study, named: str | None) -> str:
    if named:
        return named
    m = study.manifest
    if m.model["name"] != "small model":
        return str(m.model["name"])
    folder = MODELS / m.reference
    if not folder.is_dir():
        raise UnknownName(
            f"There is no folder {folder} with the reference model of {study.folder}.",
            "Name the folder of its weights with --model FOLDER.",
        )
    return str(folder)


def _check_model(study: Study, player: Player, folder: str) -> None:
    """Another model's likelihoods would be stored as the reference's."""
    own = study.manifest.model
    for key, found in (("d_model", player.d_model), ("n_layers", player.n_layers)):
        if own.get(key, found) != found:
            raise BadInput(
                f"{folder}: {key} is {found}, the study's reference has {own[key]}.",
                "Name the reference's own weights with --model FOLDER.",
            )


def _check_wording(study: Study, wording: str) -> None:
    silent = [p.id for p in study.cast.all if not getattr(p, wording)]
    if silent:
        raise BadInput(
            f"{study.folder}: {len(silent)} personas have no {wording} to be played by "
            f"({', '.join(silent[:3])}).",
            "Give every persona at least one in cast.json and extract the study again.",
        )


def _model_note(folder: str) -> dict[str, Any]:
    path = Path(folder)
    weights = path / "model.safetensors"
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None
    return {"name": path.name if path.is_dir() else folder, "weights_sha256": found}


def _arrows(study: Study, weights: np.ndarray) -> dict[str, np.ndarray]:
    m, prior = study.manifest, family_weights(study.cast)
    v = study.vectors(m.reference).of(study.cast)
    held = [p for p in m.poolings if v.holds(p, m.headline_layer)]
    return {
        p: ev.arrow(weights, prior, v.at(p, m.headline_layer)[:-1].astype(np.float64)) for p in held
    }


def ask(
    player: Player,
    personas: Sequence[Persona],
    wording: str,
    conversations: Sequence[Conversation],
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Testimony, _Counts]:
    """log p of every answer under every persona, the last of whom is the Assistant.

    A persona's instruction variants are averaged as log p. An answer that ends beyond the model's
    context is NaN. Tokens are counted in the Assistant's first variant, and divide everybody's.
    Raises BadInput for a template that refuses a conversation or a tokenizer without offsets.
    """
    if not player.tokenizer.is_fast:
        raise BadInput("This model's tokenizer does not say which text a token stands for.")
    owner = np.array([e for e, c in enumerate(conversations) for _ in c.answers])
    log_p = np.zeros((len(personas), len(owner)))
    tokens, counts = np.zeros(len(owner), dtype=np.int64), _Counts()
    began = said = time.monotonic()
    # the Assistant first: its reading counts tokens, and shows soonest what is wrong with the data
    for done, i in enumerate([len(personas) - 1, *range(len(personas) - 1)], 1):
        persona = personas[i]
        variants = getattr(persona, wording)
        for k, instruction in enumerate(variants):
            first = done == 1 and k == 0
            texts = _texts(player, persona, instruction, conversations, counts if first else None)
            ids, places = _encode(player, texts)
            if first:
                _count(player, ids, places, tokens, counts)
            log_p[i] += _score(player, ids, places, len(owner)) / len(variants)
        now = time.monotonic()
        if now - said > 5 or done == len(personas):
            left = (now - began) / done * (len(personas) - done)
            say(f"asked {done}/{len(personas)} personas, {left:.0f} s left")
            said = now
    return Testimony(log_p, tokens, owner), counts


def _texts(
    player: Player,
    persona: Persona,
    instruction: str,
    conversations: Sequence[Conversation],
    counts: _Counts | None,
) -> list[_Text]:
    """Every conversation as the template writes it, with its answers' places.

    One text holds all answers of a conversation where the template only ever appends; where it
    rewrites earlier turns each answer gets a text of its own.
    """
    out, number = [], 0
    for c in conversations:
        own = []
        for k in c.answers:
            try:
                prompt = player.render_talk(persona, instruction, c.messages[:k])
                whole = player.render_talk(persona, instruction, c.messages[: k + 1], prompt=False)
            except BadInput as e:
                raise BadInput(f"Line {c.line} of the data: {e.problem}", e.next_step) from e
            continues = whole.startswith(prompt)
            added = whole[len(prompt) :].rstrip("\n") if continues else ""
            if not added:
                added = " " + c.messages[k]["content"]
                if counts:
                    counts.plain += 1
            text = prompt + added
            own.append(_Text(text, ((number, len(prompt), len(text)),)))
            number += 1
        longest = own[-1].text
        if all(longest.startswith(t.text) for t in own):
            own = [_Text(longest, tuple(s for t in own for s in t.spans))]
        out += own
    return out


def _encode(player: Player, texts: Sequence[_Text]) -> tuple[list[list[int]], list[np.ndarray]]:
    """Token ids of every text, and for each token the answer it belongs to, or -1."""
    made = player.tokenizer(
        [t.text for t in texts], add_special_tokens=False, return_offsets_mapping=True
    )
    places = []
    for t, offsets in zip(texts, made["offset_mapping"], strict=True):
        start, end = np.array(offsets).reshape(-1, 2).T
        place = np.full(len(start), -1)
        for number, low, high in t.spans:
            place[(end > low) & (start < high)] = number
        places.append(place)
    return made["input_ids"], places


def _count(
    player: Player,
    ids: Sequence[list[int]],
    places: Sequence[np.ndarray],
    tokens: np.ndarray,
    counts: _Counts,
) -> None:
    t = player.tokenizer
    # some tokenizers have no token for the unknown and name their end token instead
    unknown = -1 if t.unk_token_id in (None, t.eos_token_id, t.bos_token_id) else t.unk_token_id
    for row, place in zip(ids, places, strict=True):
        np.add.at(tokens, place[place >= 0], 1)
        strange = np.array(row) == unknown
        counts.unknown += int(strange.sum())
        counts.unknown_answers += int((strange & (place >= 0)).sum())


def _score(
    player: Player, ids: Sequence[list[int]], places: Sequence[np.ndarray], n: int
) -> np.ndarray:
    """log p of every answer, NaN for one that does not end within the model's context: [answer]."""
    longest = getattr(player.hf.config, "max_position_embeddings", None) or max(map(len, ids))
    cut = [row[:longest] for row in ids]
    wanted = [place[:longest] >= 0 for place in places]
    most = max(1, max(int(w.sum()) for w in wanted))
    batch = max(1, min(ROWS, LOGITS // (most * len(player.tokenizer))))
    found = player.log_probs(cut, wanted, batch=batch)
    out = np.zeros(n)
    for place, w, values in zip(places, wanted, found, strict=True):
        if not np.isfinite(values).all():
            raise BadInput("The model gives some tokens a probability that is not a number.")
        np.add.at(out, place[:longest][w], values)
        out[place[longest:][place[longest:] >= 0]] = np.nan
    return out
