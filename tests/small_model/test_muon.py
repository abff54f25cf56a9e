"""Muon in either precision: torch's own where bfloat16 is known, close to it elsewhere."""

import pytest
import torch

from psm_viz.small_model import muon

SHAPES = ((12, 12), (20, 12), (12, 20))


def moved(kind, monkeypatch, known=True, steps=3):
    """Where three seeded matrices stand after some steps of an optimizer."""
    monkeypatch.setattr(muon, "knows_bfloat16", lambda device: known)
    generator = torch.Generator().manual_seed(0)
    held = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in SHAPES]
    optimizer = kind(held, lr=0.02, momentum=0.95, weight_decay=0.05)
    for _ in range(steps):
        for p in held:
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()
    return held, optimizer


def torchs(params, **options):
    return torch.optim.Muon(params, adjust_lr_fn="match_rms_adamw", **options)


def test_in_bfloat16_it_is_torchs_own_bit_for_bit(monkeypatch):
    ours, optimizer = moved(muon.Muon, monkeypatch)
    theirs, own = moved(torchs, monkeypatch)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)
        moments = (o.state[p]["momentum_buffer"] for o, p in ((optimizer, a), (own, b)))
        assert torch.equal(*moments)


def test_in_single_precision_it_moves_the_same_way(monkeypatch):
    start, _ = moved(muon.Muon, monkeypatch, steps=0)
    single, _ = moved(muon.Muon, monkeypatch, known=False)
    half, _ = moved(muon.Muon, monkeypatch)
    for first, a, b in zip(start, single, half, strict=True):
        assert not torch.equal(a, b)
        assert (a - b).norm() < 0.02 * (b - first).norm()


@pytest.mark.parametrize("shape", SHAPES)
def test_an_update_has_singular_values_near_one(shape):
    rough = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    own = torch.optim.Muon([torch.nn.Parameter(rough)], lr=1.0).defaults
    rule = own["ns_coefficients"], own["ns_steps"], own["eps"]
    values = torch.linalg.svdvals(muon.orthogonal(rough, torch.float32, *rule))
    assert len(values) == 12 and values.min() > 0.3 and values.max() < 1.3


def test_a_matrix_without_a_gradient_stays(monkeypatch):
    held = torch.nn.Parameter(torch.ones(3, 3))
    muon.Muon([held], lr=0.1, momentum=0.95, weight_decay=0.05).step()
    assert torch.equal(held, torch.ones(3, 3))
