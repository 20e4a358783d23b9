"""Names are found in names by hashes and sorting, with the answers that a dict gives."""

import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit.predictions import joining
from ensemblekit.predictions.joining import Lookup, all_different, among, composed, positions, same_names, shared

MANY = joining.FEW + 50
WIDE = "x" * 70


def texts(names):
    return np.array(names)


def objects(names):
    return np.array(names, dtype=object)


def by_dict(names, wanted):
    places = {name: place for place, name in enumerate(names.tolist())}
    return [places.get(name, -1) for name in wanted.tolist()]


def shuffled(names, seed=0):
    return names[np.random.default_rng(seed).permutation(len(names))]


KINDS = {
    "short": texts([f"{i:04d}" for i in range(MANY)]),
    "eight": texts([f"{i:08d}" for i in range(MANY)]),
    "long": texts([f"test/normal/{i:08d}.png" for i in range(MANY)]),
    "two widths": texts([f"{i}" * (1 + i % 5) for i in range(1, MANY)]),
    "Latin-1": texts([f"h\xfcndin/{i}" for i in range(MANY)]),
    "UCS-2": texts([f"\u732b/{i}/{i}" for i in range(MANY)]),
    "UCS-4": texts([f"\U0001f408/{i}/{i}" for i in range(MANY)]),
    "objects": objects([f"{WIDE}{i}" for i in range(MANY)]),
    "a range": np.arange(-7, MANY),
    "far apart": np.arange(MANY) * 10**12 - 5 * 10**13,
    "the ends of the range": np.concatenate([np.arange(MANY), [-(2**63), 2**63 - 1]]),
    "few": texts(["b", "a"]),
    "few numbers": np.array([3, 1]),
}


@pytest.mark.parametrize("names", KINDS.values(), ids=KINDS)
def test_every_name_is_found_where_it_stands(names):
    wanted = shuffled(names)
    assert Lookup(names).positions(wanted).tolist() == by_dict(names, wanted)
    assert positions(names, names).tolist() == list(range(len(names)))


@pytest.mark.parametrize("names", KINDS.values(), ids=KINDS)
def test_names_that_are_not_there_are_not_found(names):
    some, wanted = names[::2], shuffled(names, 1)
    assert Lookup(some).positions(wanted).tolist() == by_dict(some, wanted)
    assert (Lookup(some).positions(names[1::2]) == -1).all()


@pytest.mark.parametrize(("one", "other"), [*itertools.permutations(KINDS, 2)])
def test_arrays_of_any_two_kinds_are_compared_as_a_dict_does(one, other):
    names, wanted = KINDS[one], KINDS[other]
    assert Lookup(names).positions(wanted).tolist() == by_dict(names, wanted)


def test_a_longer_text_or_a_wider_character_is_another_name():
    names = texts([f"{i:04d}" for i in range(MANY)])
    wanted = texts([f"{i:04d}x" for i in range(MANY)])
    assert (Lookup(names).positions(wanted) == -1).all()
    # 0x131 is 0x31, the digit 1, when cut to eight bits.
    assert (Lookup(names).positions(np.char.replace(names, "1", "\u0131")[1:2]) == -1).all()
    assert Lookup(names).positions(np.array([*names[:5], "\u0131" * 4, "12345678901"])).tolist() == [
        0,
        1,
        2,
        3,
        4,
        -1,
        -1,
    ]


def test_empty_arrays_are_found_nowhere():
    for names in (np.array([], dtype=str), np.array([], dtype=np.int64)):
        assert positions(names, names).shape == (0,)
        assert Lookup(KINDS["long"]).positions(np.array([], dtype=str)).shape == (0,)
    assert (positions(np.array([], dtype=str), KINDS["long"]) == -1).all()
    assert (positions(KINDS["a range"], KINDS["long"]) == -1).all()


@pytest.fixture
def no_hash(monkeypatch):
    """Let every long text have one of two hashes."""
    real = joining._Form.keys
    monkeypatch.setattr(joining._Form, "keys", lambda self, names: real(self, names) & np.uint64(0))


def test_a_collision_of_hashes_is_never_believed(no_hash):
    names = KINDS["long"]
    assert all_different(names)
    assert not all_different(np.concatenate([names, names[-1:]]))
    wanted = shuffled(np.concatenate([names[::2], texts(["unknown"])]))
    assert Lookup(names).positions(wanted).tolist() == by_dict(names, wanted)


def test_a_foreign_text_with_the_hash_of_a_name_is_not_that_name(monkeypatch):
    names = KINDS["long"]
    lookup = Lookup(names)
    keys = lookup._way._form.keys(names)
    foreign = np.char.replace(names, "normal", "benign")
    monkeypatch.setattr(joining._Form, "keys", lambda self, given: keys[: len(given)])
    assert (lookup.positions(foreign) == -1).all()


@pytest.mark.parametrize("names", KINDS.values(), ids=KINDS)
def test_a_repeated_name_is_seen(names):
    assert all_different(shuffled(names))
    assert not all_different(np.concatenate([shuffled(names), names[:1]]))


def test_texts_that_differ_in_a_few_places_have_different_hashes():
    digits = "0123456789abcdef"
    for form in ("xxxxxxx{}xxx{}xxx{}", "{}xxxxxxx{}xxxxxxx{}", "{}/{}/{}/xxxxxxxxxxxxxxxxxxxxx"):
        names = texts([form.format(*some) for some in itertools.product(digits, repeat=3)])
        keys, _ = joining._keys(names)
        assert len(np.unique(keys)) == len(names)


names_of_one_kind = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30, unique=True).map(
        lambda some: np.array(some, dtype=np.int64)
    ),
    st.lists(st.integers(-5, 30), max_size=30, unique=True).map(lambda some: np.array(some, dtype=np.int64)),
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=12), max_size=30, unique=True).map(
        lambda some: np.array(some, dtype=str)
    ),
)


@given(names_of_one_kind, names_of_one_kind)
def test_any_names_are_found_as_by_a_dict(names, wanted):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "FEW", 1)
        patch.setattr(joining, "BLOCK_BYTES", 64)
        patch.setattr(joining, "WORTH_SHARING", 1)
        patch.setattr(joining, "SAMPLED", 1)
        assert positions(names, wanted).tolist() == by_dict(names, wanted)
        both = np.concatenate([names, wanted]) if names.dtype.kind == wanted.dtype.kind else names
        assert all_different(both) == (len(set(both.tolist())) == len(both))
        assert same_names(names, wanted) == (
            names.dtype.kind == wanted.dtype.kind and names.tolist() == wanted.tolist()
        )
        assert shared(names).tolist() == names.tolist()


def test_equal_ids_are_one_array_and_others_are_not():
    ids = np.array([f"{i:06d}" for i in range(joining.WORTH_SHARING)])
    ids.flags.writeable = False
    again, other = ids.copy(), ids.copy()
    other[1] = "x"  # one that is not among those sampled
    again.flags.writeable = other.flags.writeable = False
    assert shared(ids) is ids
    assert shared(again) is ids
    assert shared(other) is other


def test_an_array_that_its_owner_can_write_is_not_shared():
    ids = np.arange(joining.WORTH_SHARING)
    assert shared(ids) is ids
    assert shared(ids.copy()) is not ids


# Unicode normalisation.

NFC, NFD = "caf\xe9", "cafe\u0301"


def test_names_that_look_alike_are_one_row_for_leakage():
    assert among(texts([NFC, "a"]), texts([NFD])).tolist() == [True, False]
    assert among(texts([NFD, "a"]), texts([NFC, NFD])).tolist() == [True, False]
    assert among(objects([NFD, WIDE]), texts(["b", NFC])).tolist() == [True, False]
    assert not among(texts(["cafe"]), texts([NFC, NFD])).any()
    assert not among(np.array([1, 2]), texts(["1"])).any()


def test_names_that_are_composed_stay_the_same_array():
    for names in (KINDS["long"], KINDS["UCS-2"], KINDS["objects"], KINDS["a range"], np.array([], dtype=str)):
        assert composed(names) is names
    assert composed(texts([NFD, "a"])).tolist() == [NFC, "a"]


def test_no_text_below_the_first_combining_character_changes_when_it_is_composed():
    for code in range(joining.FIRST_COMBINING):
        assert unicodedata.normalize("NFC", chr(code)) == chr(code)
