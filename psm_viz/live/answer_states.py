"""The residual stream at every token of the Assistant's stored answers, read by any weights."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from jaxtyping import Float

from psm_viz.engine.answer_likelihood import encoded, rendered
from psm_viz.engine.chat_model import ChatModel
from psm_viz.engine.steering import changed
from psm_viz.engine.talk_work import as_played
from psm_viz.engine.talks import conversations, seat
from psm_viz.errors import BadInput, PsmVizError
from psm_viz.study.cast import ASSISTANT
from psm_viz.study.formats.chat_data import Conversation
from psm_viz.study.reader import Study

TALKS = 48
"""Talks of the reference whose answers are read."""


def answer_states(
    chat: ChatModel, study: Study, layers: Sequence[int], talks: int = TALKS
) -> dict[int, Float[np.ndarray, "token d_model"]]:
    """Layer -> `resid_post` at every token of the Assistant's stored answers at the reference, in
    its first talks, read by the weights of `chat`. Raises BadInput where it has held none."""
    import torch

    try:
        said = study.talk_answers(study.manifest.reference)
    except PsmVizError as e:
        raise BadInput("This study has held no talks, so that there is no band to hold.") from e
    own = said[(said["persona"] == ASSISTANT) & (said["talk"] < talks)]
    held, _ = conversations(own, {q.id: q for q in study.questions})
    lines = [Conversation(n, tuple(talk)) for n, talk in enumerate(held, 1)]
    at = seat(study.cast, as_played(study).wording)
    ids, places = encoded(chat.tokenizer, rendered(chat.prompts, *at, lines))
    found: dict[int, list[np.ndarray]] = {layer: [] for layer in layers}
    with torch.inference_mode():
        for row, place in zip(ids, places, strict=True):
            rows = torch.from_numpy(place >= 0)
            with ExitStack() as reading:
                for layer, kept in found.items():

                    def keep(x: torch.Tensor, rows=rows, kept=kept) -> torch.Tensor:
                        kept.append(x[0].cpu()[rows].float().numpy())
                        return x

                    reading.enter_context(changed(chat.resid_post[layer], keep))
                chat.hf(input_ids=torch.tensor([row], device=chat.device), use_cache=False)
    return {layer: np.concatenate(kept) for layer, kept in found.items()}
