"""Tiny models that take pictures or sound besides text."""

from pathlib import Path

import torch

from psm_viz.small_model.model import build_tokenizer
from psm_viz.world.grammar import World
from tests.made.models import KEYS, SMALL

WORDS = SMALL | KEYS
HEADS = WORDS | {"head_dim": 16}
THREE = {
    "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4},
}
"""Places in a text told by three counters, of time, height and width."""
EYES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}
QWEN_EYES = {"depth": 1, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 2}
EARS = {"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
KINDS = {
    "gemma3": (HEADS | {"model_type": "gemma3_text"}, EYES | {"model_type": "siglip_vision_model"}),
    "internvl": (
        WORDS | {"model_type": "qwen2"},
        EYES | {"model_type": "internvl_vision", "image_size": [32, 32], "patch_size": [16, 16]},
    ),
    "llava": (WORDS | {"model_type": "llama"}, EYES | {"model_type": "clip_vision_model"}),
    "mistral3": (
        HEADS | {"model_type": "mistral"},
        EYES | {"model_type": "pixtral", "head_dim": 16},
    ),
    "qwen2_audio": (WORDS | {"model_type": "qwen2"}, EARS),
    "qwen2_5_vl": (WORDS | THREE, QWEN_EYES | {"intermediate_size": 64}),
    "qwen2_vl": (WORDS | THREE, {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2}),
    "qwen3_vl": (
        HEADS | THREE,
        QWEN_EYES | {"intermediate_size": 64, "deepstack_visual_indexes": [0]},
    ),
    "smolvlm": (
        WORDS | {"model_type": "llama", "pad_token_id": 0},
        EYES | {"model_type": "smolvlm_vision"},
    ),
}
"""Type -> what its language model and its eyes or ears are made with."""
PARTS_TEMPLATE = (
    "{% for m in messages %}{{ '<' + m['role'] + '>' }}{% for part in m['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)
"""A template as such models have it: what is said is a list of parts, and plain text is dropped."""


def write_seeing(world: World, folder: Path, kind: str) -> Path:
    """A model of a kind that takes pictures or sound, with a tokenizer; returns its folder."""
    from transformers import AutoConfig, AutoModelForMultimodalLM

    torch.manual_seed(0)
    tokenizer = build_tokenizer(world)
    tokenizer.chat_template = PARTS_TEMPLATE
    words, senses = KINDS[kind]
    last = len(tokenizer) - 1  # stands where a picture is; no text of a test has it
    names = ("image_token_id", "image_token_index", "video_token_id", "audio_token_index")
    config = AutoConfig.for_model(
        kind,
        text_config=words | {"vocab_size": len(tokenizer)},
        **{"audio_config" if kind == "qwen2_audio" else "vision_config": senses},
        **dict.fromkeys(names, last),
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0),
    )
    AutoModelForMultimodalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
