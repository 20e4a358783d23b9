"""Every registered plugin keeps its promises: the public kit, with nothing that a stranger does not have."""

import inspect
import re
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import settings

from ensemblekit import load_plugins
from ensemblekit.testing import (
    parametrize_with_backbone_checks,
    parametrize_with_chainer_checks,
    parametrize_with_combiner_checks,
    parametrize_with_head_checks,
    parametrize_with_metric_checks,
    parametrize_with_task_checks,
)

EXAMPLES = max(3, settings.default.max_examples // 2)
PLUGINS = load_plugins()
WEIGHTS = {"m0": 3.0, "m1": 1.0, "m2": 2.0}
OPTIONS = {
    "voting": [{"kind": "soft"}, {"kind": "soft", "weights": WEIGHTS}],
    "stacking": [{"inputs": "average"}],
    "inverse_variance": [{"covariance": True, "shrinkage": 0.5}],
    "least_squares": [{"constraint": "none"}],
}
"""Name -> options to try besides the defaults, and besides ``weights`` where it takes them."""
NEEDED = {}
"""Name -> options without which it cannot be made."""
EXPECTED = {
    "trimmed_members": {"sample_weight": "the kit's worst member is the worst one under any of its weights"},
}
"""Name, with its options -> {check: why it must fail}."""


def variants():
    """Name every combiner with every set of options."""
    for name, factory in PLUGINS.combiners.items():
        if factory.tasks == {"quantile"}:
            continue  # the kit draws the three kinds; see test_quantile_rules.py
        needed = NEEDED.get(name, {})
        sets = [{}, *OPTIONS.get(name, [])]
        if "weights" in inspect.signature(factory).parameters:
            sets += [{"weights": WEIGHTS}]
        for options in sets:
            shown = ", ".join(f"{key}={'given' if key == 'weights' else value}" for key, value in options.items())
            yield name + (f"({shown})" if shown else ""), partial(factory, **needed, **options)


def expected(factory):
    """Look up what must fail."""
    return EXPECTED.get(next(name for name, variant in VARIANTS.items() if variant is factory), {})


VARIANTS = dict(variants())


@parametrize_with_combiner_checks(VARIANTS, expected_failed_checks=expected, max_examples=EXAMPLES)
def test_a_combiner_keeps_its_promises(check):
    check()


@pytest.mark.parametrize(("name", "factory"), [pytest.param(n, f, id=n) for n, f in VARIANTS.items()])
def test_the_bits_of_a_row_do_not_depend_on_its_neighbours(name, factory):
    # More than the kit asks of strangers: see the house style.
    from ensemblekit.testing._subject import CombinerSubject

    subject = CombinerSubject(factory)
    if subject.learns:
        return
    rng = np.random.default_rng(0)
    for task in subject.tasks:
        combiner = subject.ready(task, 3, 4)
        for dtype in (np.float32, np.float64):
            cube = rng.dirichlet(np.ones(4), (3, 1000)).astype(dtype)
            whole = subject.call(combiner, cube, task)
            for rows in (slice(0, 1), slice(17, 18), slice(999, 1000), slice(3, 40)):
                assert subject.call(combiner, cube[:, rows], task).tobytes() == whole[rows].tobytes()


METRIC_OPTIONS = {
    "kappa": [{}, {"weights": "quadratic"}],
    "top_k": [{}, {"k": 1}],
    "calibration_error": [{}, {"n_bins": 3}],
    "cost": [{"costs": [[0, 1], [5, 0]]}],
    "pinball": [{}, {"quantile": 0.9}],
    "wis": [{}, {"part": "dispersion"}, {"part": "overprediction"}, {"part": "underprediction"}],
}
"""Name -> options to try; by default none."""
TASKS_REFUSE = {
    "binary": [([[0.25, 0.25, 0.5]], ["a", "b", "c"])],
    "quantile": [([[2.0, 1.0]], ["0.1", "0.9"]), ([[1.0, 2.0]], ["0.9", "0.1"])],
}


def metric_variants():
    for name, factory in PLUGINS.metrics.items():
        for options in METRIC_OPTIONS.get(name, [{}]):
            shown = ", ".join(f"{key}={'given' if key == 'costs' else value}" for key, value in options.items())
            yield name + (f"({shown})" if shown else ""), partial(factory, **options)


def metric_expected(factory):
    """Look up what must fail: quantiles that all equal the outcome cover everything, more than they promise."""
    is_distance = factory.func is PLUGINS.metrics["coverage_error"]
    return {"perfect": "perfect quantiles cover more than they promise"} if is_distance else {}


@parametrize_with_metric_checks(dict(metric_variants()), expected_failed_checks=metric_expected, max_examples=EXAMPLES)
def test_a_metric_keeps_its_promises(check):
    check()


@parametrize_with_task_checks(dict(PLUGINS.tasks), max_examples=EXAMPLES)
def test_a_task_keeps_its_promises(check):
    check()


@pytest.mark.parametrize("name", sorted(PLUGINS.tasks))
def test_a_task_refuses_what_it_says(name):
    from ensemblekit.testing import check_task

    check_task(PLUGINS.tasks[name], refused=TASKS_REFUSE.get(name, []), max_examples=1)


BACKBONES = {
    "custom_cnn": [{}],
    "mobilenet_v2": [{"weights": "none"}],
    "resnet50": [{"weights": "none"}],
    "keras_file": [{}],
}
SLOW = {"mobilenet_v2", "resnet50"}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A small convolutional model in a file."""
    keras = pytest.importorskip("keras")
    path = tmp_path_factory.mktemp("model") / "small.keras"
    keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(5, 3)]).save(path)
    return path


def small_backbones():
    return {
        f"{name}-{place}": partial(factory, **options)
        for name, factory in PLUGINS.backbones.items()
        if name not in SLOW | {"keras_file"}
        for place, options in enumerate(BACKBONES.get(name, [{}]))
    }


@pytest.mark.keras
@parametrize_with_backbone_checks(small_backbones())
def test_a_backbone_keeps_its_promises(check, keras):
    check()


@pytest.mark.keras
def test_a_saved_model_as_a_backbone_keeps_them(saved_model):
    from ensemblekit.testing import check_backbone

    check_backbone(partial(PLUGINS.backbones["keras_file"], weights=saved_model))


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.long
@parametrize_with_backbone_checks({name: partial(PLUGINS.backbones[name], weights="none") for name in sorted(SLOW)})
def test_a_large_backbone_keeps_them_too(check, keras):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()


@pytest.mark.keras
@parametrize_with_head_checks(dict(PLUGINS.heads))
def test_a_head_keeps_its_promises(check, keras):
    check()


@pytest.mark.keras
@parametrize_with_chainer_checks(dict(PLUGINS.chainers))
def test_a_chainer_keeps_its_promises(check, keras):
    check()


@pytest.mark.parametrize("name", sorted(PLUGINS.combiners))
def test_help_tells_the_parameters_of_every_method(name):
    # Methods whose parameters are those of Combiner have its docstring, and no copy of it.
    for method in (getattr(PLUGINS.combiners[name], which) for which in ("fit", "combine", "for_members")):
        assert re.search(r"^Parameters\n-+$", inspect.getdoc(method) or "", re.MULTILINE), method
