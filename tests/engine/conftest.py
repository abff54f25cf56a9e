"""Tiny models of several architectures, each made once and shared by the tests: to read only."""

from pathlib import Path

import pytest

from psm_viz.engine.chat_model import ChatModel, load_chat_model
from tests.made.models import ARCHITECTURES, write_architecture


@pytest.fixture(scope="session", params=ARCHITECTURES, ids=lambda f: f.__name__)
def architecture_folder(request, world, tmp_path_factory) -> Path:
    return write_architecture(world, tmp_path_factory.mktemp("models"), request.param)


@pytest.fixture(scope="session")
def architecture(architecture_folder) -> ChatModel:
    return load_chat_model(str(architecture_folder), threads=1)


@pytest.fixture(scope="session")
def chat(tiny_folder) -> ChatModel:
    """The tiny model of the small model's kind, loaded."""
    return load_chat_model(str(tiny_folder), threads=1)


@pytest.fixture(scope="session")
def folder(tiny_folder) -> Path:
    """Its folder."""
    return tiny_folder


@pytest.fixture
def read(chat, monkeypatch):
    """How many tokens each call of the model reads."""
    read = []
    forward = type(chat.hf).forward
    monkeypatch.setattr(
        type(chat.hf),
        "forward",
        lambda self, *a, **k: read.append(k["input_ids"].numel()) or forward(self, *a, **k),
    )
    return read
