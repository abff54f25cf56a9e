"""What a model would answer: exact probability masses over a topic's answers.

The banks are closed, so a model's P(bad) needs no judge: it is the mass it puts on the bad
answers over the mass on good and bad ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from psm_viz.world.corpus import BOS, EOS, Turn, draw_answer
from psm_viz.world.grammar import BAD, GOOD, World
from psm_viz.world.likelihood import log_posterior, predict_bad

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def log_probs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    answers: Sequence[str],
) -> np.ndarray:
    """log P(answer and end token | prompt): [answer], in nats.

    The prompt is read once and its keys and values are shared by all answers.
    """
    import torch

    ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
    rows = [tokenizer.encode(f" {a}{EOS}", add_special_tokens=False) for a in answers]
    width = max(map(len, rows))
    pad: Any = tokenizer.pad_token_id
    tokens = torch.tensor([r + [pad] * (width - len(r)) for r in rows])  # [answer, pos]
    lengths = torch.tensor([len(r) for r in rows])
    model.eval()
    with torch.inference_mode():
        first = model(input_ids=ids, use_cache=True)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(rows))
        mask = torch.cat([torch.ones(len(rows), ids.shape[1]), torch.ne(tokens, pad)], dim=1).long()
        rest = model(input_ids=tokens[:, :-1], attention_mask=mask[:, :-1], past_key_values=cache)
        start = first.logits[:, -1:].expand(len(rows), -1, -1)
        logits = torch.cat([start, rest.logits], dim=1).log_softmax(-1)  # [answer, pos, vocab]
        picked = logits.gather(-1, tokens[..., None])[..., 0]
        inside = torch.arange(width)[None] < lengths[:, None]
    return (picked * inside).sum(1).double().numpy()


def masses(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    prompt: str,
    topic: str,
) -> dict[str, float]:
    """Probability mass on the topic's answers: by valence, by tone, and on none of them."""
    bank = world.topics[topic].utterances
    p = np.exp(log_probs(model, tokenizer, prompt, [u.text for u in bank]))
    out = {v: float(p[[u.valence == v for u in bank]].sum()) for v in (GOOD, BAD)}
    out |= {t: float(p[[u.tone == t for u in bank]].sum()) for t in world.tones}
    return out | {"none": float(max(0.0, 1.0 - p.sum()))}


def p_bad(mass: dict[str, float]) -> float:
    """Mass of bad over good and bad answers."""
    return mass[BAD] / (mass[GOOD] + mass[BAD])


def dialogue_prompt(turns: Sequence[Turn], question: str, label: str, header: str = "") -> str:
    """The text up to the answer of the last question, as documents write it."""
    text = BOS + (header + "\n" if header else "")
    for t in turns:
        text += f"User: {t.asked}\n{label}: {t.answer.text}{EOS}\n"
    return f"{text}User: {question}\n{label}:"


def evidence_turns(
    world: World, rng: np.random.Generator, topics: Sequence[str], valence: str, requested: bool
) -> list[Turn]:
    """Turns of one valence in the given topics, asked for or not; plain in tone."""
    turns = []
    for topic in topics:
        answer = draw_answer(world, rng, topic, 1.0 if valence == GOOD else 0.0, PLAIN)
        question = world.topics[topic].questions[
            int(rng.integers(len(world.topics[topic].questions)))
        ]
        frame = world.frames[valence][int(rng.integers(len(world.frames[valence])))]
        turns.append(
            Turn(
                topic, question, answer, valence if requested else None, frame if requested else ""
            )
        )
    return turns


PLAIN = np.array([1.0, 0.0, 0.0])
CONDITIONS: dict[str, tuple[str, bool] | None] = {
    "no evidence": None,
    "three cheats": (BAD, False),
    "three honest answers": (GOOD, False),
    "three requested cheats": (BAD, True),
    "three requested good answers": (GOOD, True),
}


def in_context_rows(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    world: World,
    *,
    per_condition: int,
    seed: int,
    label: str,
) -> list[dict[str, Any]]:
    """P(bad) in another topic after each kind of evidence, the model beside the exact observer.

    One row a dialogue: condition, topic asked, question, model's and exact P(bad).
    """
    rows = []
    for condition, kind in CONDITIONS.items():
        for i in range(per_condition):
            rng = np.random.default_rng([seed, i])  # the same dialogues in every condition
            topics = [str(t) for t in rng.choice(world.valenced, 4, replace=False)]
            asked = topics[3]
            pool = world.topics[asked].questions
            question = pool[int(rng.integers(len(pool)))]
            turns = [] if kind is None else evidence_turns(world, rng, topics[:3], *kind)
            prompt = dialogue_prompt(turns, question, label)
            rows.append(
                {
                    "condition": condition,
                    "topic": asked,
                    "question": question,
                    "model": p_bad(masses(model, tokenizer, world, prompt, asked)),
                    "exact": predict_bad(world, log_posterior(world, turns), asked),
                }
            )
    return rows


def in_context_fit(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, world: World, seed: int = 7
) -> dict[str, float]:
    """How far the model follows the ideal observer in context: R2 over 40 seeded dialogues.

    1 - residual / total variance of P(bad), an unnamed speaker; `spread` is the model's own
    difference between three cheats and three honest answers, `exact_spread` the observer's.
    """
    rows = in_context_rows(
        model, tokenizer, world, per_condition=8, seed=seed, label=world.rules["unnamed_label"]
    )
    m, x = (np.array([r[k] for r in rows]) for k in ("model", "exact"))
    by = {c: np.array([r["condition"] == c for r in rows]) for c in CONDITIONS}
    bad, good = by["three cheats"], by["three honest answers"]
    return {
        "r2": float(1 - ((m - x) ** 2).sum() / ((x - x.mean()) ** 2).sum()),
        "spread": float(m[bad].mean() - m[good].mean()),
        "exact_spread": float(x[bad].mean() - x[good].mean()),
    }
