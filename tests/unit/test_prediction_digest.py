"""The digest of predictions: one number for all that they say, however their rows are cut and whatever holds them."""

import numpy as np
import pytest

from ensemblekit.predictions.formats._digest import BLOCK, ContentDigest

META = {
    "classes": ["cat", "dog"],
    "dtype": "float32",
    "fit_ids": ["x", "y"],
    "ids": "str",
    "labelled": True,
    "member": "cnn",
    "shape": [2],
    "split": "valid",
    "task": "multiclass",
}
IDS = np.array(["a", "bb", "", "é\u2028", "ccc"])
PROBAS = np.array([[0.25, 0.75], [0.5, 0.5], [1, 0], [np.nan, np.nan], [0, 1]], dtype=np.float32)
CODES = np.array([0, 1, 1, 0, 1])


def digest(*cuts, ids=IDS, probas=PROBAS, codes=CODES, meta=META):
    content = ContentDigest()
    for start, stop in zip((0, *cuts), (*cuts, len(ids)), strict=True):
        content.update(ids[start:stop], probas[start:stop], None if codes is None else codes[start:stop])
    return content.hexdigest(meta)


@pytest.mark.parametrize("cuts", [(1,), (2, 3), (0, 0, 5), (1, 2, 3, 4)])
def test_where_rows_are_cut_changes_nothing(cuts):
    assert digest(*cuts) == digest()


def test_nor_does_the_layout_in_memory():
    assert digest(probas=np.asfortranarray(PROBAS)) == digest(probas=PROBAS.astype(">f4")) == digest()
    assert digest(ids=IDS.astype(object), codes=CODES.astype(np.int64)) == digest()
    many = np.arange(3 * BLOCK, dtype=np.float64).reshape(-1, 2)
    ids = np.arange(len(many))
    assert digest(7, ids=ids, probas=many, codes=ids) == digest(ids=ids, probas=many, codes=ids)


@pytest.mark.parametrize("name", [name for name in META if name != "fit_ids"])
def test_all_that_is_said_beside_the_rows_counts(name):
    assert digest(meta=META | {name: None}) != digest()


@pytest.mark.parametrize("fit_ids", [None, [], ["x"], ["xy"], ["x", "y", "z"], ["y", "x"]])
def test_other_fit_ids_are_another_digest(fit_ids):
    assert digest(meta=META | {"fit_ids": fit_ids}) != digest()
    assert digest(meta=META | {"fit_ids": np.array(["x", "y"])}) == digest()


def test_other_content_is_another_digest():
    others = [digest(ids=ids) for ids in (np.array(["ab", "b", "", "é\u2028", "ccc"]), np.arange(5), IDS[::-1])]
    negative = np.where(PROBAS == 0, np.float32(-0.0), PROBAS)
    others += [digest(probas=p) for p in (negative, PROBAS[::-1], PROBAS.astype(np.float64), PROBAS.T.reshape(5, 2))]
    others += [digest(codes=CODES[::-1]), digest(codes=None, meta=META | {"labelled": False})]
    assert len({digest(), *others}) == len(others) + 1


def test_a_nan_is_a_nan_whatever_its_bits():
    odd = PROBAS.copy()
    odd.view(np.uint32)[3] = (0x7FC00001, 0xFFC12345)
    assert odd.tobytes() != PROBAS.tobytes()
    assert digest(probas=odd) == digest()
