"""Prompts as a model's own chat template writes them: a persona's instruction, then the talk."""

from __future__ import annotations

from collections.abc import Sequence
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


class Prompts:
    """Writes what a model is asked, with its tokenizer's chat template."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.own_template = bool(tokenizer.chat_template)
        if not self.own_template:
            tokenizer.chat_template = PLAIN_FRAME
        self.system_role = _knows_system(tokenizer)

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
            return self.tokenizer.apply_chat_template(
                talk, speaker=persona.speaker, add_generation_prompt=prompt, tokenize=False
            )
        except TemplateError as e:
            raise BadInput(f"The model's chat template refuses a conversation ({e}).") from e


def _knows_system(tokenizer: Any) -> bool:
    """Whether the template writes a system message rather than refusing or dropping it."""
    probe = [{"role": "system", "content": "PROBE"}, {"role": "user", "content": "x"}]
    try:
        return "PROBE" in tokenizer.apply_chat_template(probe, tokenize=False)
    except Exception:  # templates raise their own jinja errors to refuse a role
        return False
