"""The table of copies agrees with what leaks, conflicts and copies are, whatever the images."""

import numpy as np
import pytest

from ensemblekit.data._copies import Rows, find_copies


def drawn(seed):
    """Draw images: the bytes, pixels, split and class of each, and which pixels are near others."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 14))
    ranks = np.sort(rng.integers(0, 3, n)).tolist()
    pixels = rng.integers(0, 5, n).tolist()
    digests = [f"{p}{rng.integers(2)}" for p in pixels]
    labels = [["cat", "dog", None][k] for k in rng.integers(0, 3, n)]
    rows = Rows([f"i{k:02}" for k in range(n)], ranks, labels, digests)
    by_pixels = [[k for k in range(n) if pixels[k] == p] for p in dict.fromkeys(pixels)]
    places = [(a, b) for b in range(len(by_pixels)) for a in range(b) if rng.random() < 0.4]
    near = (
        np.array(places, dtype=np.int64).reshape(-1, 2),
        rng.integers(1, 9, len(places)),
        rng.uniform(0.99, 1, len(places)),
    )
    return rows, pixels, by_pixels, near


@pytest.mark.parametrize("seed", range(60))
def test_every_copy_is_in_the_table_once_beside_an_image_before_it(seed):
    rows, pixels, by_pixels, near = drawn(seed)
    table = find_copies(rows, by_pixels, near)
    number = {i: k for k, i in enumerate(rows.ids)}
    equal = table[table["kind"] != "near"]
    assert sorted(equal["image"]) == [i for i, k in number.items() if pixels.index(pixels[k]) < k]
    assert {*equal["image"][equal["leaks"]]} == {
        rows.ids[k]
        for k in number.values()
        if any(pixels[o] == pixels[k] and rows.ranks[o] < rows.ranks[k] for o in number.values())
    }
    partners = {(pixels[by_pixels[a][0]], pixels[by_pixels[b][0]]) for a, b in near[0].tolist()}
    partners |= {pair[::-1] for pair in partners}
    close = table[table["kind"] == "near"]
    assert close["image"].is_unique
    assert {*close["image"][close["leaks"]]} == {
        rows.ids[k]
        for k in number.values()
        if any((pixels[k], pixels[o]) in partners and rows.ranks[o] < rows.ranks[k] for o in number.values())
    } - {*equal["image"][equal["leaks"]]}
    for one in table.itertuples():
        image, twin = number[one.image], number[one.twin]
        assert twin < image
        assert one.leaks == (rows.ranks[twin] < rows.ranks[image])
        labels = {rows.labels[image], rows.labels[twin]} - {None}
        assert one.conflict == (len(labels) == 2)
        same = rows.digests[image] == rows.digests[twin]
        assert one.kind == ("near" if pixels[image] != pixels[twin] else "bytes" if same else "pixels")
    assert table["leaks"].is_monotonic_decreasing


def test_no_images_have_no_copies():
    near = (np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    table = find_copies(Rows([], [], [], []), [], near)
    assert len(table) == 0
    assert list(table.dtypes.astype(str))[3:] == ["bool", "bool", "int64", "float64"]
