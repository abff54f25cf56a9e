"""The language model of a model that takes pictures or sound besides text: it alone is played."""

from __future__ import annotations

import copy
from typing import Any

from psm_viz.errors import BadFile

READS_ALIKE = {
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
}
"""Language models that transformers has not by themselves, and what reads text as they do: they
place tokens by three counters, which are one and the same where no picture stands in the text."""
TRIED = 12
"""Tokens by which the language model is compared with the whole."""
AGREE = 1e-3
"""The most by which their logits may differ, of the largest of them. They do the same sums with the
same tensors, in any precision: what differs more does something else."""


def text_config(config: Any) -> Any:
    """The config of the language model of a model of this config; the config itself where that is
    all there is, or where transformers has no language model of the kind by itself."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MULTIMODAL_LM_MAPPING,
        AutoConfig,
    )

    if type(config) not in MODEL_FOR_MULTIMODAL_LM_MAPPING:
        return config
    own = copy.deepcopy(config.get_text_config())
    if kind := READS_ALIKE.get(own.model_type):
        told = own.to_dict()
        told["rope_parameters"].pop("mrope_section", None)
        own = AutoConfig.for_model(kind, **{k: v for k, v in told.items() if k != "model_type"})
    if type(own) is type(config) or type(own) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return config
    # whether the last layer is the embedding turned round is said of the whole
    if (tied := getattr(config, "tie_word_embeddings", None)) is not None:
        own.tie_word_embeddings = tied
    by_itself: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(own)]
    own.architectures = [by_itself.__name__]
    return own


def load_text_part(where: str, config: Any, dtype: Any) -> Any:
    """Load a whole model and keep its language model, of this config (`text_config`), which holds
    the whole's own tensors.

    Raises BadFile where that reads text otherwise than the whole does, and what transformers
    raises.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMultimodalLM
    from transformers.initialization import no_init_weights

    whole: Any = AutoModelForMultimodalLM.from_pretrained(where, dtype=dtype).eval()
    with no_init_weights():
        text: Any = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    for part, own in (
        (text.base_model, whole.get_decoder()),
        (text.get_output_embeddings(), whole.get_output_embeddings()),
    ):
        part.load_state_dict(own.state_dict(), assign=True)
    text.tie_weights()
    text.generation_config, text.name_or_path = whole.generation_config, whole.name_or_path
    ids = torch.arange(TRIED)[None] % text.config.vocab_size
    with torch.inference_mode():
        told, said = whole(input_ids=ids).logits.float(), text(input_ids=ids).logits.float()
    if not (told - said).abs().max() <= AGREE * told.abs().max():
        raise BadFile(
            f"{where}: the language model of this {type(whole).__name__} reads text otherwise by "
            "itself than the whole model does, and cannot be played.",
            "Play a model of text.",
        )
    return text
