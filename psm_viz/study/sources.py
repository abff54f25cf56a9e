"""What a derived table or map came from, as one hash: where it differs, the product is stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase

from psm_viz.study.files import json_bytes, sha256
from psm_viz.study.manifest import Manifest


def sources_hash(
    manifest: Manifest, files: Mapping[str, str], reads: Sequence[str], version: int
) -> str:
    """Hash of what a product comes from: matching files, the manifest, the code's version.

    `files` are a study's, with their hashes; `reads` are shell patterns over their names. Names and
    versions of packages are left out of the manifest's part: they change nothing that is computed
    from stored files.
    """
    m = asdict(manifest)
    said = {k: v for k, v in m.items() if k not in ("name", "model", "versions")}
    own = {f: h for f, h in files.items() if any(fnmatchcase(f, r) for r in reads)}
    return sha256(json_bytes({"files": own, "manifest": said, "version": version}))
