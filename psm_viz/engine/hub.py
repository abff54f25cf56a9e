"""Models of the hub as folders of this machine.

A revision that is called by name, as `main` is, may mean something else an hour later. So a name
and a revision are looked up once, and from then on a model is called by its commit,
`owner/name@commit`, wherever it is loaded, hashed or noted.
"""

from __future__ import annotations

import re
from pathlib import Path

from psm_viz.engine.adapters import is_adapter
from psm_viz.engine.weight_files import adapter_files, weight_files
from psm_viz.errors import BadFile

HUB_NAME = re.compile(r"[\w][\w.-]*/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")
WORDS = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.vocab")
"""What says of a model all but its weights."""
WEIGHTS = (("*.safetensors", "*.safetensors.index.json"), ("*.bin", "*.bin.index.json"))
"""Files of weights, the better kind first: the second is fetched where the first is not there."""
NOT = ("*/*", "consolidated*", "training_args.bin", "optimizer.bin")
"""What no model is loaded from: other forms of the same weights, and what training left."""


def parts(name: str) -> tuple[str, str | None]:
    """A hub model's owner/name, and its revision where it is called by one: `owner/name@commit`."""
    repo, _, revision = name.partition("@")
    return repo, revision or None


def at(repo: str, revision: str | None) -> str:
    """What a hub model is called at a revision; None: as the hub has it now."""
    return f"{repo}@{revision}" if revision else repo


def snapshot(name: str, *, weights: bool = True) -> Path:
    """The folder on this machine of a hub model, fetched as far as it is not here; without
    `weights`, its config and tokenizer may be all that it holds. Raises what the hub's library
    raises, and BadFile for a repository without weights."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    repo, revision = parts(name)
    if revision and COMMIT.fullmatch(revision):  # a commit never changes: no network is needed
        try:
            own = snapshot_download(
                repo,
                revision=revision,
                allow_patterns=[*WORDS],
                ignore_patterns=[*NOT],
                local_files_only=True,
            )
        except LocalEntryNotFoundError:
            own = None
        if own and (not weights or _holds(Path(own))):
            return Path(own)
    folder = Path(
        snapshot_download(repo, revision=revision, allow_patterns=[*WORDS], ignore_patterns=[*NOT])
    )
    for kind in WEIGHTS if weights else ():
        if _holds(folder):
            break
        snapshot_download(
            repo, revision=folder.name, allow_patterns=[*kind], ignore_patterns=[*NOT]
        )
    if weights and not _holds(folder):
        raise BadFile(f"{name}: holds no weights that can be read (safetensors or .bin).")
    return folder


def _holds(folder: Path) -> bool:
    """Whether all weights are there."""
    if is_adapter(folder):
        return bool(adapter_files(folder))
    try:
        return bool(weight_files(folder))
    except BadFile:  # an index came first, or some of its files
        return False
