"""The small model itself: its words, its template, its shape, and how it is saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from psm_viz.small_model.recipe import Recipe
from psm_viz.study.files import whole_folder
from psm_viz.world.corpus import BOS, EOS, REQUESTED, the_assistant
from psm_viz.world.grammar import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

UNK, PAD = "<unk>", "<pad>"
# A word keeps the space before it, so that decoding gives back the text exactly.
WORDS = r" ?[A-Za-z]+(?:['-][A-Za-z]+)*|\n| ?[^\sA-Za-z]|\s"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}"
    "{% if m['content'] %}{{ m['content'] + '\\n' }}{% endif %}"
    "{% elif m['role'] == 'user' %}{{ 'User: ' + m['content'] + '\\n' }}"
    "{% else %}{{ (speaker or 'Assistant') + ': ' + m['content'] + eos_token + '\\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ (speaker or 'Assistant') + ':' }}{% endif %}"
)


def build_tokenizer(world: World) -> PreTrainedTokenizerFast:
    """A fast word-level tokenizer whose vocabulary is every word the world can say."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    split = pre_tokenizers.Split(Regex(WORDS), behavior="isolated")
    words = {w for text in world_texts(world) for w, _ in split.pre_tokenize_str(text)}
    vocab = {w: i for i, w in enumerate([PAD, UNK, BOS, EOS, *sorted(words)])}
    core = Tokenizer(models.WordLevel(vocab, unk_token=UNK))
    core.pre_tokenizer = split
    core.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        pad_token=PAD,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def world_texts(world: World) -> Iterator[str]:
    """Every piece of text a document can hold, in the places it can stand in."""
    rules = world.rules
    labels = [c.name for c in world.characters]
    labels += [rules["unnamed_label"], rules["assistant_label"], rules["report_label"]]
    yield from (f"{label}:" for label in labels)
    yield "\nUser: "
    yield from rules["assistant_headers"]
    adjectives = [a for pair in rules["adjectives"].values() for a in pair]
    for lead in rules["leads"]:
        for c in world.characters:
            yield f"{lead} {c.name}, a {c.kind}, {c.role}."
        yield f"{lead} a stranger."
    yield from (f" Known to be {a}." for a in adjectives)
    yield from (f" {r.format(a)}" for r in rules["remarks"] for a in adjectives)
    yield from (f" {r.format(REQUESTED)}" for r in rules["remarks"])
    for who in [*(c.name for c in world.characters), the_assistant(world)]:
        yield from (f" {q.format(who)}" for q in rules["report_questions"])
        yield from (f" {a.format(who, adjectives[0])}" for a in rules["report_answers"])
    yield from (f" {a}" for a in adjectives)
    for topic in world.topics.values():
        yield from (f" {q}" for q in (*topic.questions, *topic.held_out_questions))
    yield from (f" {u.text}" for u in world.by_text.values())
    # the words of an answer in another order, for the branch that no character speaks in
    yield from (f" {w}" for u in world.by_text.values() for w in u.text.split())
    yield from (f" {f}" for frames in world.frames.values() for f in frames)
    yield from (f" {s}" for texts in world.sayings.values() for s in texts)


def token(tokenizer: PreTrainedTokenizerFast, word: str) -> int:
    """The id of a word of the vocabulary."""
    return tokenizer.get_vocab()[word]


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A randomly initialised Llama of the recipe's size, tied embeddings."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.d_model,
            intermediate_size=recipe.d_ff,
            num_hidden_layers=recipe.n_layers,
            num_attention_heads=recipe.n_heads,
            num_key_value_heads=recipe.n_heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=token(tokenizer, BOS),
            eos_token_id=token(tokenizer, EOS),
            pad_token_id=token(tokenizer, PAD),
        )
    )


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write an ordinary Hugging Face folder (fp16 safetensors) in one rename."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()  # the steps' own lines tell how far it is
    state = {k: v.to(torch.float16) for k, v in model.state_dict().items() if k != "lm_head.weight"}
    with whole_folder(folder) as work:
        model.save_pretrained(work, state_dict=state)
        config = json.loads((work / "config.json").read_text())
        config["dtype"] = "float16"
        (work / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        tokenizer.save_pretrained(work)
