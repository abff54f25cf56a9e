"""Prompts as a model's own chat template writes them: a persona's instruction, then the talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from psm_viz.errors import BadInput
from psm_viz.study.cast import Persona

PLAIN_FRAME = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\\n\\n' }}"
    "{% else %}{{ m['role'].capitalize() + ': ' + m['content'] + '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""What a base model without a template of its own gets."""


PROBE = "PROBE"


class Words:
    """A tokenizer and what it makes of a talk: all that prompts need of a model.

    `told`: what the chat template is told besides the talk.
    """

    def __init__(self, tokenizer: Any, told: Mapping[str, Any] | None = None) -> None:
        self.tokenizer = tokenizer
        self.prompts = Prompts(tokenizer, told)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered texts; no special token is added, the template wrote them."""
        return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []

    def beginning(self, text: str, n: int) -> str:
        """The first so many tokens of a text, as text."""
        if not self.tokenizer.is_fast:
            return self.tokenizer.decode(self.encode([text])[0][:n]).rstrip()
        made = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ends = [end for _, end in made["offset_mapping"][:n]]
        return text[: max(ends, default=0)].rstrip()


class Prompts:
    """Writes what a model is asked, with its tokenizer's chat template.

    `told` goes to the template besides the talk, in every prompt (`enable_thinking` and the like).
    Raises BadInput for a template that drops what the user says.
    """

    def __init__(self, tokenizer: Any, told: Mapping[str, Any] | None = None) -> None:
        self.tokenizer = tokenizer
        self.told = dict(told or {})
        self.own_template = bool(tokenizer.chat_template)
        self.template = tokenizer.get_chat_template() if self.own_template else PLAIN_FRAME
        # a base model expects the token that its tokenizer begins every text with
        self.opening = "" if self.own_template else _first_token(tokenizer)
        self._parts = False
        self._parts = self._wants_parts()
        self.system_role = self._knows_system()
        self.lead = self._before_answers()
        """What stands between a prompt and an answer."""

    def one(self, persona: Persona, instruction: str, question: str) -> str:
        """The text for one persona, instruction and question, up to its answer."""
        return self.talk(persona, instruction, [{"role": "user", "content": question}])

    def talk(
        self,
        persona: Persona,
        instruction: str,
        messages: Sequence[dict[str, str]],
        *,
        prompt: bool = True,
    ) -> str:
        """A conversation under a persona's instruction; with `prompt`, up to the next answer.

        Without a system role the instruction goes before the first message, the user's. Raises
        BadInput where the template refuses the conversation.
        """
        talk = list(messages)
        if instruction and self.system_role:
            talk.insert(0, {"role": "system", "content": instruction})
        elif instruction:
            talk[0] = talk[0] | {"content": f"{instruction}\n\n{talk[0]['content']}"}
        try:
            return self.opening + self._rendered(talk, prompt, persona.speaker)
        except TemplateError as e:
            raise BadInput(f"The model's chat template refuses a conversation ({e}).") from e

    def end_token(self) -> int | None:
        """The token of its own that the template ends an answer with; None where it writes none."""
        asked = [{"role": "user", "content": "x"}, {"role": "assistant", "content": PROBE}]
        try:
            tail = self._rendered(asked, prompt=False).rpartition(PROBE)[2].lstrip()
        except Exception:  # templates raise what they like
            return None
        ids = self.tokenizer(tail, add_special_tokens=False)["input_ids"]
        return ids[0] if ids and ids[0] in self.tokenizer.added_tokens_decoder else None

    def _before_answers(self) -> str:
        """What the template writes between a prompt and an answer; a space where it does not write
        an answer as the prompt's continuation."""
        asked = [{"role": "user", "content": "x"}]
        said = [*asked, {"role": "assistant", "content": PROBE}]
        try:
            prompt, whole = self._rendered(asked, True), self._rendered(said, False)
        except Exception:  # templates raise what they like
            return " "
        lead, found, _ = whole.removeprefix(prompt).partition(PROBE)
        return lead if found and whole.startswith(prompt) else " "

    def _rendered(
        self, talk: Sequence[Mapping[str, Any]], prompt: bool, speaker: str | None = None
    ) -> str:
        named = {} if speaker is None else {"speaker": speaker}
        return self.tokenizer.apply_chat_template(
            _in_parts(talk) if self._parts else list(talk),
            chat_template=self.template,
            add_generation_prompt=prompt,
            tokenize=False,
            **named,
            **self.told,
        )

    def _wants_parts(self) -> bool:
        """Whether the template writes what is said as a list of parts alone, as those of models
        that take pictures do. Raises BadInput where it writes neither."""
        asked, heard = [{"role": "user", "content": PROBE}], True
        for said in (asked, _in_parts(asked)):
            try:
                heard = PROBE in self._rendered(said, prompt=True)
            except Exception:  # templates raise what they like: this one refuses a lone question
                continue
            if heard:
                return said is not asked
        if not heard:
            raise BadInput("The model's chat template drops what the user says.")
        return False

    def _knows_system(self) -> bool:
        """Whether the template writes a system message rather than refusing or dropping it."""
        probe = [{"role": "system", "content": PROBE}, {"role": "user", "content": "x"}]
        try:
            return PROBE in self._rendered(probe, prompt=False)
        except Exception:  # templates raise their own errors to refuse a role
            return False


def _in_parts(talk: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A talk in which what is said is a list of parts, each of one kind."""
    return [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in talk]


def _first_token(tokenizer: Any) -> str:
    """The token that the tokenizer puts before every text; '' where it puts none."""
    first = tokenizer("x")["input_ids"][:1]
    return tokenizer.bos_token if first == [tokenizer.bos_token_id] else ""
