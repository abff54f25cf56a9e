"""How a checkpoint answers behind every mask: characters no branch trained, and the Assistant told
to be each of them.

Conduct is the log-odds of a bad answer, so that what is near 0 or 1 can move.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.log_probs import log_probs
from psm_viz.small_model.answer_masses import Reader, dialogue_prompt
from psm_viz.stats.metrics import logit
from psm_viz.world.corpus import Header, header_text
from psm_viz.world.curriculum import never_trained
from psm_viz.world.grammar import World


def read_masks(chat: ChatModel, world: World) -> dict[str, Any]:
    """Read the checkpoint that a chat holds, topics of conduct in order:

    - `assistant`: [topic], the Assistant without header;
    - `cast`: [member][topic], characters never trained under their own labels and headers;
    - `told`: [member][topic], the Assistant under those headers: a council;
    - `plain`: [header][topic], the Assistant under headers that say nothing of who speaks;
    - `said`: [member][trait], log-odds of the low adjective in hearsay about them.
    """
    reader = Reader(chat.hf, chat.tokenizer, world)
    own = world.rules["assistant_label"]
    asked = [world.characters[n] for n in never_trained(world)]
    lead = world.rules["leads"][0]
    headers = [header_text(world, Header(lead, c.name, c.kind, c.role)) for c in asked]
    return {
        "assistant": _conduct(reader, own, ""),
        "cast": [_conduct(reader, c.name, h) for c, h in zip(asked, headers, strict=True)],
        "told": [_conduct(reader, own, h) for h in headers],
        "plain": [_conduct(reader, own, h) for h in plain_headers(world)],
        "said": _said(chat, world, [c.name for c in asked]),
    }


def plain_headers(world: World) -> list[str]:
    """Headers that say nothing of who speaks but that it is the Assistant, or a stranger."""
    strangers = [header_text(world, Header(lead)) for lead in world.rules["leads"]]
    return ["", *world.rules["assistant_headers"], *strangers]


def _conduct(reader: Reader, label: str, header: str) -> list[float]:
    """Log-odds of a bad answer to each topic's first question, without history: [topic]."""
    p = [
        reader.p_low(dialogue_prompt([], reader.world.topics[t].questions[0], label, header), t)
        for t in reader.world.conduct
    ]
    return logit(np.array(p)).tolist()


def traits_of_conduct(world: World) -> list[str]:
    """The traits that topics of conduct load on, in the world's order."""
    loaded = {trait for t in world.conduct for trait in world.topics[t].loads}
    return [t for t in world.traits if t in loaded]


def _said(chat: ChatModel, world: World, about: list[str]) -> list[list[float]]:
    """Log-odds of the low adjective over the high one, the Herald's first wording: [who][trait]."""
    rules, rows, wanted = world.rules, [], []
    traits = traits_of_conduct(world)
    for who in about:
        question = rules["report_questions"][0].format(who)
        opening = dialogue_prompt([], question, rules["report_label"])
        before = len(chat.encode([opening])[0])
        for trait in traits:
            for adjective in rules["adjectives"][trait]:
                text = f"{opening} {rules['report_answers'][0].format(who, adjective)}"
                rows.append(chat.encode([text])[0])
                wanted.append([n >= before for n in range(len(rows[-1]))])
    found = np.array([p.sum() for p in log_probs(chat, rows, wanted)])
    high, low = found.reshape(len(about), len(traits), 2).transpose(2, 0, 1)
    return (low - high).tolist()
