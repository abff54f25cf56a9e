"""A chat model from a package: a GGUF file becomes an ordinary folder; another one is refused."""

import hashlib
import zipfile

import gguf
import numpy as np
import pytest

from psm_viz.engine import fetch_chat_model as fetch
from psm_viz.engine.chat_model import load_chat_model
from psm_viz.engine.open_model import config_of, place_of
from psm_viz.errors import BadFile

WORDS = ["<unk>", "<s>", "</s>", "a", "b", "ab", "\u0120", "\u0120a"]
D, HEADS, LAYERS, WIDE = 32, 2, 2, 64


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A tiny llama in a GGUF file, in single precision."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    rng = np.random.default_rng(0)
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(64)
    w.add_embedding_length(D)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(WIDE)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(len(WORDS))
    w.add_tokenizer_model("gpt2")
    w.add_token_list(WORDS)
    w.add_token_types([3, 3, 3, *[1] * (len(WORDS) - 3)])
    w.add_token_merges(["a b", "\u0120 a"])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_chat_template("{% for m in messages %}{{ m['content'] }}</s>{% endfor %}")

    def tensor(name, *shape):
        w.add_tensor(name, (0.1 * rng.normal(size=shape)).astype(np.float32))

    tensor("token_embd.weight", len(WORDS), D)
    tensor("output_norm.weight", D)
    for n in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{n}.{name}.weight", D, D)
        tensor(f"blk.{n}.ffn_gate.weight", WIDE, D)
        tensor(f"blk.{n}.ffn_up.weight", WIDE, D)
        tensor(f"blk.{n}.ffn_down.weight", D, WIDE)
        tensor(f"blk.{n}.attn_norm.weight", D)
        tensor(f"blk.{n}.ffn_norm.weight", D)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path


def wheel(folder, content, member=fetch.MEMBER):
    path = folder / "package.whl"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(member, content)
    return path


def test_a_gguf_file_is_played(file):
    assert place_of(str(file)).gguf
    assert config_of(str(file)).num_hidden_layers == LAYERS
    chat = load_chat_model(str(file), threads=1)
    assert (chat.n_layers, chat.d_model) == (LAYERS, D) and 2 in chat.stops
    assert np.isfinite(chat.pooled([[3, 4, 5]])[:, 0]).all()


def test_a_package_becomes_a_folder(file, tmp_path):
    content = file.read_bytes()
    out = tmp_path / "model"
    lines: list[str] = []
    key = hashlib.sha256(content).hexdigest()
    fetch.unpack(wheel(tmp_path, content), out, lines.append, key)
    made, straight = (load_chat_model(str(f), threads=1) for f in (out, file))
    ids = [[3, 4, 5, 7]]
    a, b = made.pooled(ids)[:, 0], straight.pooled(ids)[:, 0]
    assert np.allclose(a, b, atol=2e-3) and "dequantised" in lines[-1]
    fetch.fetch_chat_model(out, lines.append)  # it is there: nothing is downloaded
    assert "is there already" in lines[-1]


def test_another_file_is_refused(file, tmp_path):
    with pytest.raises(BadFile, match="has the hash"):
        fetch.unpack(wheel(tmp_path, file.read_bytes()), tmp_path / "model", print)
    with pytest.raises(BadFile, match="holds no"):
        fetch.unpack(wheel(tmp_path, b"", "other"), tmp_path / "model", print)
    (tmp_path / "package.whl").write_bytes(b"no archive")
    with pytest.raises(BadFile, match="holds no"):
        fetch.unpack(tmp_path / "package.whl", tmp_path / "model", print)
    assert not (tmp_path / "model").exists()
