"""Speed of the model's side as ratios taken in one run: reading activations, drawing answers and
weighing texts, each beside what one would write with the libraries themselves; and its memory."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from psm_viz.cli.bench_apart import Pooled, peak, waiting
from psm_viz.cli.bench_race import Ratio, Side, Timed, race, ratio
from psm_viz.cli.bench_rivals import Rivals
from psm_viz.cli.bench_texts import Sizes, Texts, Weighed, texts_of
from psm_viz.cli.speed_bars import judged
from psm_viz.engine.answer_likelihood import ROWS
from psm_viz.engine.batching import by_length
from psm_viz.engine.chat_model import ChatModel, load_chat_model
from psm_viz.engine.log_probs import log_probs
from psm_viz.engine.pace import Pace, Say, silent
from psm_viz.engine.precision import GAIN, speed
from psm_viz.errors import BadInput

BF16 = "bfloat16"
ALL, FORWARD, ONE, HOOK = "all layers", "forward", "one layer", "hook"
ALONE, ARRIVAL = "run_with_cache alone", "run_with_cache in batches"
DRAWN, GENERATE, GENERATE_ALONE = "sample", "generate in batches", "generate alone"
WEIGHED, PLAIN = "log_probs", "plain batches"
WEIGHED_ANSWERS, PLAIN_ANSWERS = "log_probs of answers", "plain batches of answers"
READING = 1 / 20
"""What of a forward pass of its prompt one drawn token takes, about, in a batch and alone."""


def model(folder: Path, threads: int, say: Say, sizes: Sizes | None = None) -> dict[str, Any]:
    """Every ratio with its goal, the peak of memory, what bfloat16 changes and what threads that
    sleep give, of one model with so many threads. Raises what loading it raises."""
    sizes, began = sizes or Sizes(), time.monotonic()
    if not folder.exists():
        raise BadInput(f"There is no model folder {folder}.", "Get the chat model: make chat-model")
    chat = load_chat_model(str(folder), threads=threads)
    texts = texts_of(chat, sizes)
    races = _races(chat, texts, sizes)
    apart = sum(sizes.remembered) / 8 + 40
    total = sum(side.cost * rounds for sides, rounds in races for side in sides) + apart
    pace = Pace(say, "measured", 100, "%", last=True)

    def tick(cost: float, tokens: int) -> None:
        pace(100 * cost / total, 0)

    timed: dict[str, list[Timed]] = {}
    clock, processor = time.monotonic(), time.process_time()
    for sides, rounds in races:
        timed |= race(sides, rounds, tick)
    got = (time.process_time() - processor) / (time.monotonic() - clock)
    precision = _precision(chat, folder, texts, sizes)
    tick(20, 0)
    memory = _memory(folder, texts, chat.n_layers // 10, threads, sizes)
    tick(sum(sizes.remembered) / 8, 0)
    rests = waiting(threads, sizes.waits, 2, lambda: tick(5, 0)) if sizes.waits else None
    return {
        "model": str(folder),
        "layers": chat.n_layers,
        "width": chat.d_model,
        "threads": threads,
        "processors": round(got, 2),
        "prompts": sizes.prompts,
        "tokens": round(float(np.mean([len(row) for row in texts.whole])), 1),
        "ratios": [r.as_json() for r in _ratios(timed)],
        "bfloat16": precision,
        "memory": memory,
        "waiting": rests,
        "seconds": round(time.monotonic() - began),
    }


def _races(chat: ChatModel, texts: Texts, sizes: Sizes) -> list[tuple[list[Side], int]]:
    """Reading, drawing and weighing: the sides of each, and its rounds."""
    return [
        (_reading(chat, texts, sizes), max(1, sizes.prompts // sizes.batch)),
        (_drawing(chat, texts, sizes), sizes.rounds),
        (_weighing(chat, texts, sizes), sizes.rounds),
    ]


def _reading(chat: ChatModel, texts: Texts, sizes: Sizes) -> list[Side]:
    rivals, whole, layer = Rivals(chat), texts.whole, chat.n_layers // 2
    sorted_batches = list(by_length(whole, sizes.batch))
    few = sizes.arriving

    def pooled(layers: list[int] | None, k: int) -> int:
        own = sorted_batches[k]
        chat.pooled([texts.prompts[i] for i in own], [texts.answers[i] for i in own], layers)
        return sum(len(whole[i]) for i in own)

    def of(k: int) -> list[list[int]]:
        return [whole[i] for i in sorted_batches[k]]

    def alone(k: int) -> int:
        return sum(rivals.cached([row]) for row in of(k)[: sizes.alone])

    return [
        Side(ALL, partial(pooled, None), sizes.batch),
        Side(FORWARD, lambda k: rivals.forward(of(k)), sizes.batch),
        Side(ONE, partial(pooled, [layer]), sizes.batch / 2),
        Side(HOOK, lambda k: rivals.hooked(of(k), layer), sizes.batch / 2),
        Side(ALONE, alone, 2 * sizes.alone),
        Side(ARRIVAL, lambda k: rivals.cached(whole[k * few : (k + 1) * few]), 1.5 * few),
    ]


def _drawing(chat: ChatModel, texts: Texts, sizes: Sizes) -> list[Side]:
    rivals, sampling, n = Rivals(chat), sizes.sampling, sizes.answered
    order = sorted(texts.prompts, key=len)
    steps = READING * sampling.max_new_tokens

    def of(k: int) -> list[list[int]]:
        start = k * n % max(1, len(order) - n + 1)
        return order[start : start + n]

    def ours(k: int) -> int:
        made = chat.sample(of(k), sampling)
        return sum(len(answer) for answers in made for answer in answers)

    def alone(k: int) -> int:
        return sum(rivals.generate(of(k)[:1], sampling, 1) for _ in range(sampling.samples))

    many = n * sampling.samples
    return [
        Side(DRAWN, ours, n + many * steps),
        Side(GENERATE, lambda k: rivals.generate(of(k), sampling, sampling.samples), many * 1.5),
        Side(GENERATE_ALONE, alone, sampling.samples * (1 + 5 * steps)),
    ]


def _weighing(chat: ChatModel, texts: Texts, sizes: Sizes) -> list[Side]:
    rivals, n = Rivals(chat), sizes.weighed

    def of(weighed: Weighed, k: int) -> Weighed:
        own = slice(k * n, (k + 1) * n)
        return weighed[0][own], weighed[1][own]

    def ours(weighed: Weighed, k: int) -> int:
        return sum(len(found) for found in log_probs(chat, *of(weighed, k), batch=ROWS))

    def plain(weighed: Weighed, k: int) -> int:
        rows, wanted = of(weighed, k)
        batches = [slice(b, b + sizes.batch) for b in range(0, len(rows), sizes.batch)]
        return sum(rivals.log_probs(rows[b], wanted[b]) for b in batches)

    return [
        Side(WEIGHED, partial(ours, texts.questions), n / 2),
        Side(PLAIN, partial(plain, texts.questions), 1.5 * n),
        Side(WEIGHED_ANSWERS, partial(ours, texts.several), n / 4),
        Side(PLAIN_ANSWERS, partial(plain, texts.several), 1.5 * n),
    ]


def _ratios(timed: dict[str, list[Timed]]) -> list[Ratio]:
    """Every ratio, with the goal of it."""
    pooled, plain = "pooling", "logits of whole batches"
    return [
        ratio(
            f"{pooled} all layers / Hugging Face's forward pass without logits",
            timed,
            (ALL, FORWARD),
            1.10,
            more=False,
        ),
        ratio(
            f"{pooled} the middle layer / a bare hook that ends the pass there",
            timed,
            (ONE, HOOK),
            1.05,
            more=False,
        ),
        ratio(f"run_with_cache prompt by prompt / {pooled} all layers", timed, (ALONE, ALL), 2.2),
        ratio(
            f"run_with_cache prompt by prompt / {pooled} the middle layer", timed, (ALONE, ONE), 5
        ),
        ratio(
            f"run_with_cache in batches as they come / {pooled} all layers",
            timed,
            (ARRIVAL, ALL),
            1,
        ),
        ratio("generate answer by answer / sample", timed, (GENERATE_ALONE, DRAWN), 6),
        ratio("generate in batches of like length / sample", timed, (GENERATE, DRAWN), 1.3),
        ratio(f"{plain} / log_probs, one header, a question each", timed, (PLAIN, WEIGHED), 3),
        ratio(
            f"{plain} / log_probs, one header, six answers to each question",
            timed,
            (PLAIN_ANSWERS, WEIGHED_ANSWERS),
            3,
        ),
    ]


def _precision(chat: ChatModel, folder: Path, texts: Texts, sizes: Sizes) -> dict[str, Any]:
    """How fast this processor multiplies in bfloat16, what that changes in log p, and, where it is
    faster, how long pooling takes."""
    n, longest = sizes.precise
    rows = [row[:longest] for row in texts.whole[:n]]
    wanted = [[False] + [True] * (len(row) - 1) for row in rows]
    half, times = load_chat_model(str(folder), dtype=BF16), speed(BF16)
    one, other = (np.concatenate(log_probs(m, rows, wanted)) for m in (chat, half))
    found: dict[str, Any] = {
        "products": times,
        "error": float(np.abs(one - other).mean()),
        "shift": float((other - one).mean()),
        "tokens": len(one),
        "pooling": None,
    }
    if times < GAIN:
        return found
    some = texts.whole[: sizes.batch]

    def side(m: ChatModel) -> Side:
        return Side(m.dtype, lambda k: m.pooled(some).size, 0)

    timed = race([side(half), side(chat)], sizes.rounds, silent)
    in_words = "pooling in bfloat16 / in single precision"
    found["pooling"] = ratio(in_words, timed, (BF16, chat.dtype), 1, more=False).as_json()
    return found


def _memory(
    folder: Path, texts: Texts, layer: int, threads: int, sizes: Sizes
) -> list[dict[str, float]]:
    """MB that pooling few and many prompts takes, each in a process of its own. Read up to an early
    layer: the next ones use the same memory again."""
    out = []
    for n in sizes.remembered:
        rows = [texts.whole[k % len(texts.whole)] for k in range(n)]
        before, most = peak(Pooled(str(folder), rows, layer, threads))
        out.append({"prompts": n, "before_mb": round(before), "peak_mb": round(most)})
    return out


def as_text(found: dict[str, Any]) -> str:
    """The figures as a table."""
    lines = [
        f"{found['model']} ({found['layers']} layers of width {found['width']}), "
        f"{found['prompts']} prompts of {found['tokens']:.0f} tokens with their answers, "
        f"{found['threads']} threads; {found['seconds'] / 60:.1f} minutes.",
        "Times as long, per token: median of rounds taken in turn (lowest to highest), and in "
        "processor time.",
        f"While it was timed it had {found['processors']:.1f} of this machine's processors; where "
        "that is far below its threads, others took them, and processor time is the safer figure.",
        "",
    ]
    for r in found["ratios"]:
        goal = f"{'at least' if r['more'] else 'at most'} {r['goal']:g}"
        lines.append(
            f"  {r['name']:66s} {r['median']:6.2f} ({r['low']:.2f} to {r['high']:.2f}) "
            f"{r['processor']:6.2f}   {goal}: {judged(r['met'])}"
        )
    return "\n".join([*lines, "", *_apart(found)])


def _apart(found: dict[str, Any]) -> list[str]:
    """Precision, memory and waiting in sentences."""
    p, memory, w = found["bfloat16"], found["memory"], found["waiting"]
    said = f"bfloat16 changes log p by {p['error']:.4f} nats a token on average "
    said += f"({p['tokens']} tokens; their mean by {p['shift']:+.4f}). "
    if p["pooling"] is None:
        said += f"This processor multiplies {1 / p['products']:.0f} times as long in it: not timed."
    else:
        said += f"Pooling takes {p['pooling']['median']:.2f} times as long in it."
    lines = [said]
    if memory:
        each = ", ".join(f"{m['peak_mb']} MB for {m['prompts']} prompts" for m in memory)
        lines.append(
            f"Peak memory of pooling, in a fresh process each: {each}; {memory[0]['before_mb']} MB "
            "of it is the program with its model loaded."
        )
    if w:
        lines.append(
            f"Threads that sleep while they wait (OMP_WAIT_POLICY=PASSIVE, as every verb has it) "
            f"do {w['median']:.2f} times as many matrix products ({w['low']:.2f} to "
            f"{w['high']:.2f}) beside a busy process as threads that spin."
        )
    return lines
