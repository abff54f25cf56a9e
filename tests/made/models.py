"""Tiny random models of several architectures, in the small model's own words."""

from collections.abc import Callable
from pathlib import Path

import torch

from psm_viz.small_model.model import build_tokenizer, new_model, save_model
from psm_viz.small_model.recipe import Recipe
from psm_viz.world.grammar import World

TINY = {"d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 32}


def write_tiny_model(world: World, folder: Path, seed: int = 0, **sizes: int) -> Path:
    """A randomly initialised model of the small model's kind; returns its folder."""
    tokenizer = build_tokenizer(world)
    save_model(new_model(Recipe(seed=seed, **(TINY | sizes)), tokenizer), tokenizer, folder)
    return folder


def gpt2(vocab):
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab, n_embd=32, n_layer=3, n_head=2, n_positions=128, eos_token_id=3
        )
    )


SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    "eos_token_id": 3,
}
"""Sizes by the names that most architectures have for them."""


def neox(vocab):
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=vocab, **SMALL))


def qwen2(vocab):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(Qwen2Config(vocab_size=vocab, num_key_value_heads=1, **SMALL))


def gemma2(vocab):
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(vocab_size=vocab, num_key_value_heads=1, head_dim=16, **SMALL)
    return Gemma2ForCausalLM(config)


ARCHITECTURES = (gpt2, neox, qwen2, gemma2)


KEYS = {"num_key_value_heads": 1}
GPT = {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 128}
MORE = {
    "bloom": {"n_layer": 3, "n_head": 2},
    "cohere": KEYS,
    "deepseek_v3": KEYS
    | {"num_key_value_heads": 2, "n_routed_experts": 4, "n_group": 1, "topk_group": 1}
    | {"num_experts_per_tok": 2, "moe_intermediate_size": 32, "q_lora_rank": 16}
    | {"kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16}
    | {"first_k_dense_replace": 1},
    "exaone4": KEYS | {"pad_token_id": 0},
    "falcon": {},
    "gemma": KEYS | {"head_dim": 16},
    "gemma3_text": KEYS | {"head_dim": 16},
    "glm": KEYS | {"head_dim": 16, "pad_token_id": 0},
    "gpt_neo": {"num_layers": 3, "num_heads": 2, "attention_types": [[["global"], 3]]},
    "gpt_oss": KEYS | {"num_local_experts": 4, "head_dim": 16, "pad_token_id": 0},
    "gptj": GPT | {"rotary_dim": 8},
    "granite": KEYS,
    "llama": KEYS,
    "mamba": {"state_size": 8},
    "mistral": KEYS,
    "mixtral": KEYS | {"num_local_experts": 2},
    "mpt": {"d_model": 32, "n_layers": 3, "n_heads": 2},
    "nemotron": KEYS,
    "olmo2": KEYS,
    "olmoe": KEYS | {"num_experts": 4, "num_experts_per_tok": 2},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "phi": {},
    "phi3": {"num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 2},
    "qwen2_moe": KEYS
    | {"num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
    "qwen3": KEYS | {"head_dim": 16},
    "smollm3": KEYS | {"pad_token_id": 0},
    "stablelm": KEYS,
    "starcoder2": KEYS,
    "xglm": {"d_model": 32, "num_layers": 3, "attention_heads": 2, "ffn_dim": 64},
}
"""Further architectures, of other kinds of blocks, by type, and what else they must be told."""
STEERED = ("bloom", "falcon", "gptj", "mixtral", "opt", "phi3")
"""Those of them whose steering is tested too."""


def any_model(kind):
    """A maker of a tiny model of a type."""

    def make(vocab):
        from transformers import AutoConfig, AutoModelForCausalLM

        sizes = SMALL | MORE[kind]
        return AutoModelForCausalLM.from_config(
            AutoConfig.for_model(kind, vocab_size=vocab, **sizes)
        )

    return make


def write_architecture(world: World, folder: Path, make: Callable) -> Path:
    """A model of another architecture, without a chat template; returns its folder."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(world)
    tokenizer.chat_template = None
    make(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_talker(world: World, folder: Path) -> Path:
    """A model that answers in a few words and ends, in whatever context; returns its folder."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    tokenizer = build_tokenizer(world)
    sizes = SMALL | {"max_position_embeddings": 640}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("phi", vocab_size=len(tokenizer), **sizes)
    )
    with torch.no_grad():
        model.lm_head.bias[200:210] = 11.0
        model.lm_head.bias[tokenizer.eos_token_id] = 11.7
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reference_log_p(model, tokenizer, prompt, continuation):
    """log P(continuation | prompt), one whole forward pass without cache for every token."""
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    total = 0.0
    for token in tokenizer.encode(continuation, add_special_tokens=False):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        total += float(logits.double().log_softmax(-1)[token])
        ids = [*ids, token]
    return total
