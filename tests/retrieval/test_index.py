"""Search among descriptors: exact, quantised, and back from a map."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from trigpoint.cli import run
from trigpoint.core.errors import MappingError
from trigpoint.evaluation.retrieval import RetrievalOptions
from trigpoint.retrieval.evaluation import evaluate_vectors
from trigpoint.retrieval.index import RetrievalIndex, restore_index
from trigpoint.retrieval.quantized import QuantizedIndex, quantize

pytestmark = pytest.mark.usefixtures("one_thread")


def vectors(count, dim, seed=0):
    return functional.normalize(torch.randn((count, dim), generator=torch.Generator().manual_seed(seed)), dim=1)


@given(count=st.integers(1, 60), dim=st.integers(1, 20), k=st.integers(1, 80), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_search_is_exact(count, dim, k, seed):
    gallery, query = vectors(count, dim, seed), vectors(1, dim, seed + 100)[0]
    found, similarity = RetrievalIndex(gallery).search(query, k)
    cosine = gallery @ query
    assert len(found) == min(k, count) == len(set(found.tolist()))
    assert torch.allclose(similarity, cosine.sort(descending=True).values[:k], atol=3e-6)
    assert torch.allclose(cosine[found], similarity, atol=1e-6)


def test_equal_images_come_in_their_order():
    gallery = vectors(1, 48).repeat(301, 1)
    found, _ = RetrievalIndex(gallery).search(gallery[:7] * 3, 301)
    assert torch.equal(found, torch.arange(301).repeat(7, 1))


def test_one_query_and_many_agree():
    index, queries = RetrievalIndex(vectors(50, 16).half()), vectors(5, 16, 9)
    many, cosines = index.search(queries, 4)
    for row, query in enumerate(queries):
        one, cosine = index.search(query, 4)
        assert torch.equal(one, many[row]) and torch.allclose(cosine, cosines[row], atol=1e-6)


def test_length_of_vectors_does_not_matter():
    gallery = vectors(30, 8) * torch.arange(1, 31)[:, None]
    assert RetrievalIndex(gallery).search(5 * gallery[17], 1)[0].tolist() == [17]


def test_a_restored_index_finds_the_same():
    gallery = vectors(200, 64)
    gallery[3] = 0
    index = RetrievalIndex(gallery)
    state = index.state()
    assert state["vectors"].dtype == np.int8 and state["vectors"].nbytes == gallery.numel()
    again = restore_index(state, state["vectors"].shape[1])
    queries = vectors(20, 64, 5)
    assert torch.equal(again.search(queries, 1)[0], index.search(queries, 1)[0])
    error = again.search(queries, 200)[1] - index.search(queries, 200)[1]
    assert float(error.abs().max()) < 0.01
    assert torch.equal(restore_index(again.state(), again.dim).vectors, again.vectors)


@pytest.mark.parametrize("bad", [torch.zeros(3), torch.zeros((0, 3)), torch.full((2, 3), torch.nan)])
def test_bad_galleries(bad):
    with pytest.raises(MappingError, match="TP-639"):
        RetrievalIndex(bad)


@pytest.mark.parametrize("bad", [torch.zeros(4), torch.zeros((1, 1, 3)), torch.full((3,), torch.inf)])
def test_bad_queries(bad):
    with pytest.raises(MappingError, match="TP-639"):
        RetrievalIndex(torch.ones((2, 3))).search(bad, 1)


def test_missing_tensors():
    with pytest.raises(MappingError, match="TP-639"):
        restore_index({}, 4)
    with pytest.raises(MappingError, match="TP-639"):
        QuantizedIndex(torch.zeros((2, 256, 2)), torch.zeros((5, 3), dtype=torch.uint8))
    with pytest.raises(ValueError, match="k is 0"):
        RetrievalIndex(torch.ones((2, 3))).search(torch.ones(3), 0)


def test_quantised_search():
    pytest.importorskip("faiss", reason="needs the optional package faiss")
    gallery = vectors(600, 32)
    index = quantize(gallery, 16, seed=1)
    assert len(index) == 600 and index.dim == 32 and index.codes.shape == (600, 16)
    queries = functional.normalize(gallery[:100] + 0.05 * vectors(100, 32, 4), dim=1)
    found, cosine = index.search(queries, 5)
    assert (found[:, 0] == torch.arange(100)).float().mean() > 0.95
    assert torch.allclose(cosine[:, 0], (queries * gallery[:100]).sum(1), atol=0.15)
    assert index.bytes_per_image == 16 and index.shared_bytes == 512 * 32
    same = quantize(gallery, 16, seed=1)
    assert torch.equal(same.codes, index.codes) and torch.equal(same.codebooks, index.codebooks)
    with pytest.raises(MappingError, match="TP-639"):
        quantize(gallery[:100], 16, seed=1)
    with pytest.raises(MappingError, match="TP-639"):
        quantize(gallery, 7, seed=1)


def test_recall_and_size_of_a_quantised_gallery():
    pytest.importorskip("faiss", reason="needs the optional package faiss")
    gallery = vectors(400, 32)
    queries = functional.normalize(gallery[:50] + 0.05 * vectors(50, 32, 4), dim=1)
    options = RetrievalOptions(bytes_per_image=8)
    index = options.make_index(gallery)
    recall, _, _ = evaluate_vectors(queries, index, np.eye(400, dtype=bool)[:50])
    assert recall[10] > 0.9 and index.bytes_per_image == 8
    assert RetrievalOptions().make_index(gallery).bytes_per_image == 32


def test_the_verb_searches_codes(room, capsys):
    pytest.importorskip("faiss", reason="needs the optional package faiss")
    arguments = ["retrieval", "evaluate", str(room), "--descriptors", "mean", "--short-side-px", "96", "--quiet"]
    assert run([*arguments, "--bytes", "4"]) == 2
    assert re.search("TP-639.*24 descriptors of length 64 cannot be coded", capsys.readouterr().err)


def test_without_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MappingError, match=r"TP-634.*pip install '\.\[large\]'"):
        quantize(vectors(300, 8), 4, seed=0)
