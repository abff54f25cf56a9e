"""A cache of the hub's models on this machine, as its library leaves one, and no network."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path


def in_cache(monkeypatch, cache: Path, name: str, revisions: Mapping[str, Path]) -> dict[str, str]:
    """Put a model's revisions, from these folders, into a cache that is used from now on; returns
    the commit of each."""
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    kept, commits = cache / f"models--{name.replace('/', '--')}", {}
    (kept / "refs").mkdir(parents=True, exist_ok=True)
    for revision, folder in revisions.items():
        commits[revision] = hashlib.sha1(f"{name} {revision}".encode()).hexdigest()
        (kept / "refs" / revision).write_text(commits[revision])
        shutil.copytree(folder, kept / "snapshots" / commits[revision])
    return commits
