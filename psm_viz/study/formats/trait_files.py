"""A folder of trait files, as published with the Assistant axis and with persona vectors (Chen et
al. 2025): a trait is the direction from one way to answer to its opposite.

One JSON file a trait, its stem the trait's id: `{"instruction": [{"pos": str, "neg": str}, ...]}`,
with our own `description`; other keys (`questions`, `eval_prompt`) are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psm_viz.errors import BadFile, BadInput, UnknownName
from psm_viz.study.files import check_stem, json_of

EXPECTED = 'Expected {"instruction": [{"pos": "Be kind.", "neg": "Be cruel."}, ...]}.'


@dataclass(frozen=True)
class Trait:
    """A trait, and how a model is asked to have it and to have its opposite, in pairs."""

    id: str
    description: str
    pos: tuple[str, ...]
    neg: tuple[str, ...]


def read_traits(folder: Path) -> tuple[Trait, ...]:
    """The traits of a folder, by name.

    Raises UnknownName for no folder, BadFile naming file and key, BadInput for one without files.
    """
    if not folder.is_dir():
        raise UnknownName(f"There is no folder {folder}.", "Name a folder of trait files.")
    found = tuple(_read(path) for path in sorted(folder.glob("*.json")))
    if not found:
        raise BadInput(f"{folder}: holds no trait file (*.json).", "Name a folder of trait files.")
    return found


def _read(path: Path) -> Trait:
    check_stem(path.stem)
    try:
        data = json_of(path.read_bytes())
        pairs, description = data["instruction"], data.get("description", "")
        if not isinstance(pairs, list) or not pairs or not isinstance(description, str):
            raise TypeError("instruction is a list of pairs, description a text")
        texts = {key: tuple(one[key] for one in pairs) for key in ("pos", "neg")}
        if not all(isinstance(t, str) and t.strip() for own in texts.values() for t in own):
            raise TypeError("an empty text")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise BadFile(f"{path}: cannot be read as a trait ({e}).", EXPECTED) from e
    return Trait(path.stem, description, texts["pos"], texts["neg"])
