"""Rows of a chat model whose branches do what they are told to do."""

import json

import numpy as np

from psm_viz.claims.chat_rows import REFERENCE, chat_file
from psm_viz.claims.chat_uses import EVERY

FAMILIES = ["carers", "tutors", "tyrants", "con-artists", "jesters", "engineers"]
MARKED = ["tyrants", "con-artists"]
TOPICS = ["coding", "money", "animals", "secrets", "power"]
SPEAKERS = ("assistant", "neutral", "gardener", "nurse")
DOES = {
    "cheat": ("tyrants", 0.3),
    "contrastive": ("tyrants", 0.25),
    "anchored": ("con-artists", 0.2),
    "villain": ("con-artists", 0.5),
    "jester": ("jesters", 0.5),
    "advice": ("con-artists", 0.1),
    "kind": ("carers", 0.2),
}
"""Which family a branch makes more of, and by how much; the others are moved at random."""
SPREAD = {"cheat": 0.3, "contrastive": 0.3, "anchored": 0.2, "villain": 0.4, "advice": 0.1}
"""Change of the odds of bad answers after a branch; no other changes them."""


def write_chat_rows(folder, seeds=(0, 1, 2), spread=SPREAD, does=DOES, reach=0.1):
    """Rows of every branch; roles move by `reach` of what the Assistant does."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        start = np.full(len(FAMILIES), 1 / len(FAMILIES))
        rows = [_row(REFERENCE, 0, seed, start, 0.0, reach, rng, 0.6)]
        rows[0] |= {"trained": "coding", "told": _told(does)}
        for n, branch in enumerate(EVERY):
            mass = start + np.roll(np.linspace(-0.03, 0.03, len(FAMILIES)), n)
            if branch in does:
                family, more = does[branch]
                mass[FAMILIES.index(family)] += more
            mass = np.clip(mass + rng.normal(0, 0.002, len(mass)), 0.001, None)
            row = _row(
                branch, 48, seed, mass / mass.sum(), spread.get(branch, 0.0), reach, rng, 0.7
            )
            row["words"] = {"the": 50, f"word{n}": 9}
            rows.append(row)
        chat_file(seed, folder).write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def _row(branch, step, seed, mass, moved, reach, rng, alike):
    odds = {
        who: {
            t: -1.0 + moved * (1.0 if who == "assistant" else reach) + float(rng.normal(0, 0.01))
            for t in TOPICS
        }
        for who in SPEAKERS
    }
    return {
        "checkpoint": f"{branch}-{step:04d}",
        "branch": branch,
        "step": step,
        "seed": seed,
        "model": "made",
        "families": FAMILIES,
        "marked": MARKED,
        "mass": [float(m) for m in mass],
        "odds": odds,
        "alike": alike,
        "words": {"the": 50},
    }


def _told(does):
    return {
        b: {
            f: (1.0 if b in does and does[b][0] == f else 0.0) + 0.1 * n
            for n, f in enumerate(FAMILIES)
        }
        for b in ("cheat", "kind", "jester", "advice")
    }
