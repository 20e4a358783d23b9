"""Every plugin is loaded by name and owner: nothing renamed, overwritten or skipped in silence."""

import subprocess
import sys
import tomllib
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from ensemblekit import Combiner, EnsembleKitError, InvalidOptionError, __version__, hookimpl, load_plugins
from ensemblekit.errors import DuplicateNameError, PluginLoadError, PluginWarning, UnknownPluginError
from ensemblekit.registry._loading import _metadata_of
from tests.strangers import COMBINER, REPO, uninstalled, write_distribution

HOOK = "import ensemblekit\n@ensemblekit.hookimpl\ndef ensemblekit_register_"
BUILT_IN = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["entry-points"]["ensemblekit"]


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """Install distributions for one test."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution, entry_points, **modules):
        write_distribution(tmp_path, distribution, entry_points, **modules)

    yield install
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def plugin(name="mine", factory=None):
    """A plugin in this program, with one combiner."""

    @hookimpl
    def ensemblekit_register_combiners(register):
        register(name, factory or (lambda: SimpleNamespace(combine=None)))

    module = ModuleType("development")
    module.ensemblekit_register_combiners = ensemblekit_register_combiners
    return module


def test_every_built_in_of_the_project_is_listed_with_its_owner():
    registry = load_plugins()
    assert {r.plugin for r in registry.registrations} == set(BUILT_IN)
    assert {r.distribution for r in registry.registrations} == {"ensemblekit"}
    assert registry.failures == ()
    assert {"mean", "stacking", "voting", "weighted"} <= set(registry.combiners)


def test_a_strangers_plugin_appears_and_works(strangers):
    strangers("friendly", {"first": "friendly_first"}, friendly_first=COMBINER.format(name="first"))
    registry = load_plugins()
    registration = next(r for r in registry.registrations if r.name == "first")
    assert registration.owner == "plugin 'first' of friendly 1.0"
    assert registration.summary == "The first member's word."
    assert registry.create_combiner("first").combine(np.arange(6).reshape(2, 3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param("raise RuntimeError('boom')", "RuntimeError: boom", id="raises"),
        pytest.param("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", id="imports"),
        pytest.param("raise SystemExit(3)", "SystemExit: 3", id="exits"),
        pytest.param("", "one of the hooks .*@ensemblekit.hookimpl; it has none", id="empty"),
        pytest.param(
            "def ensemblekit_register_combiners(register): register('x', dict)", "one of the hooks", id="unmarked"
        ),
        pytest.param(
            HOOK + "combiner(register): pass",
            "unknown hook 'ensemblekit_register_combiner'",
            id="misspelt hook",
        ),
        pytest.param(
            HOOK + "combiners(register, force): pass",
            "(?s:.*)'force'.*can not be found in the hookspec",
            id="unknown argument",
        ),
        pytest.param(
            HOOK + "heads(register): register('a-b', dict)",
            "a name that is an identifier and a class or function; received 'a-b'",
            id="bad name",
        ),
        pytest.param(
            HOOK + "heads(register): register('h', {})",
            "a name that is an identifier and a class or function; received 'h' and {}",
            id="instance",
        ),
        pytest.param(
            COMBINER.format(name="x") + "    register('x', First)", "it registers the combiner 'x' twice", id="twice"
        ),
    ],
)
def test_a_broken_plugin_is_named_and_all_else_goes_on(strangers, code, reason):
    strangers("wobbly", {"broken": "wobbly_broken"}, wobbly_broken=code)
    strangers("friendly", {"first": "friendly_first"}, friendly_first=COMBINER.format(name="first"))
    with pytest.warns(PluginWarning, match=rf"The plugin 'broken' of wobbly 1.0 is not loaded: .*{reason}") as warned:
        registry = load_plugins()
    assert {w.filename for w in warned} == {__file__}
    assert {"mean", "first"} <= set(registry.combiners)
    assert [(f.plugin, f.distribution, f.refused) for f in registry.failures] == [("broken", "wobbly", "")]
    with pytest.raises(UnknownPluginError, match=rf"The plugin 'broken' of wobbly 1.0 is not loaded: .*{reason}"):
        registry.create_combiner("what_it_would_have_registered")


@pytest.mark.parametrize("needed", ["1.0", None])
def test_a_plugin_for_this_version_of_the_plugin_api_is_loaded(strangers, needed):
    statement = f"ensemblekit_api = {needed!r}\n" if needed else ""
    strangers("friendly", {"first": "friendly_first"}, friendly_first=statement + COMBINER.format(name="first"))
    assert "first" in load_plugins().combiners


@pytest.mark.parametrize(
    ("ours", "needed", "remedy"),
    [
        ("1.0", "1.1", "Upgrade ensemblekit."),
        ("1.0", "2.0", "Upgrade ensemblekit."),
        ("1.9", "1.10", "Upgrade ensemblekit."),
        ("2.3", "1.0", "Upgrade picky, or install an older ensemblekit."),
    ],
)
def test_a_plugin_for_another_version_of_the_plugin_api_is_named(strangers, monkeypatch, ours, needed, remedy):
    monkeypatch.setattr("ensemblekit.registry._loading.API_VERSION", ours)
    strangers("picky", {"one": "picky_one"}, picky_one=f"ensemblekit_api = {needed!r}\n" + COMBINER.format(name="one"))
    reason = f"it needs version {needed} of the plugin API, and ensemblekit {__version__} has version {ours}. {remedy}"
    with pytest.warns(PluginWarning) as warned:
        registry = load_plugins()
    assert [str(w.message) for w in warned] == [f"The plugin 'one' of picky 1.0 is not loaded: {reason}"]
    assert [(f.plugin, f.distribution, f.version, f.reason) for f in registry.failures] == [
        ("one", "picky", "1.0", reason)
    ]
    assert "one" not in registry.combiners
    assert "mean" in registry.combiners
    with pytest.raises(UnknownPluginError, match="needs version"):
        registry.create_combiner("one")


@pytest.mark.parametrize("needed", [1.0, ">=1", "1", "1.0.0", "1.x", "\u0661.0"])
def test_a_version_of_the_plugin_api_that_is_none_is_named(needed):
    module = plugin()
    module.ensemblekit_api = needed
    with pytest.raises(PluginLoadError, match=r"ensemblekit_api must be the version .* such as '1.3'; received "):
        load_plugins(plugins=[module])


def test_an_older_minor_version_of_the_plugin_api_is_served(monkeypatch):
    monkeypatch.setattr("ensemblekit.registry._loading.API_VERSION", "1.10")
    module = plugin()
    module.ensemblekit_api = "1.9"
    assert "mine" in load_plugins(plugins=[module]).combiners


def test_a_half_uninstalled_distribution_is_a_warning(tmp_path, strangers):
    strangers("half", {"gone": "half_gone"})
    (tmp_path / "half-1.0.dist-info" / "METADATA").unlink()
    with pytest.warns(PluginWarning, match="plugin 'gone' of an unknown distribution is not loaded: .*'half_gone'"):
        assert "mean" in load_plugins().combiners


def test_the_backport_of_importlib_metadata_says_it_by_an_error(tmp_path, strangers):
    backport = pytest.importorskip("importlib_metadata")
    strangers("half", {"gone": "half_gone"})
    (tmp_path / "half-1.0.dist-info" / "METADATA").unlink()
    (found,) = (d for d in backport.distributions(path=[str(tmp_path)]))
    with pytest.raises(FileNotFoundError):
        _ = found.metadata
    assert _metadata_of(found) == {}


def test_a_stranger_with_the_entry_point_of_a_built_in_is_refused(strangers):
    strangers("impostor", {"mean": "impostor_mean"}, impostor_mean=COMBINER.format(name="other"))
    with pytest.warns(
        PluginWarning,
        match="plugin 'mean' of impostor 1.0 is not loaded: .* the built-in plugin 'mean' of ensemblekit 0",
    ):
        registry = load_plugins()
    assert registry.combiners["mean"].__module__ == "ensemblekit_plugins.combiners.mean"
    assert "other" not in registry.combiners


def test_a_stranger_that_registers_the_name_of_a_built_in_goes_without_it(strangers):
    code = COMBINER.format(name="mean") + "    register('other', First)"
    strangers("impostor", {"average": "impostor_average"}, impostor_average=code)
    with pytest.warns(
        PluginWarning,
        match="plugin 'average' of impostor 1.0 is loaded without its combiner 'mean': the name is claimed by the "
        "built-in plugin 'mean' of ensemblekit 0",
    ):
        registry = load_plugins()
    assert registry.combiners["mean"].__module__ == "ensemblekit_plugins.combiners.mean"
    assert registry.combiners["other"].__module__ == "impostor_average"


def test_a_name_that_two_strangers_claim_is_nobodys(strangers):
    strangers("alpha", {"a": "alpha_a"}, alpha_a=COMBINER.format(name="contested"))
    strangers("beta", {"b": "beta_b"}, beta_b=COMBINER.format(name="contested"))
    with pytest.warns(PluginWarning) as warned:
        registry = load_plugins()
    both = "plugin 'a' of alpha 1.0 and plugin 'b' of beta 1.0"
    assert [both in str(w.message) for w in warned] == [True, True]
    assert "contested" not in registry.combiners
    with pytest.raises(DuplicateNameError, match=f"'contested' is claimed by {both}; neither is registered"):
        registry.create_combiner("contested")
    with pytest.raises(KeyError):
        registry.combiners["contested"]


def test_two_strangers_may_share_the_name_of_an_entry_point(strangers):
    strangers("alpha", {"same": "alpha_same"}, alpha_same=COMBINER.format(name="a"))
    strangers("beta", {"same": "beta_same"}, beta_same=COMBINER.format(name="b"))
    assert {"a", "b"} <= set(load_plugins().combiners)


def test_the_order_of_sys_path_changes_nothing(strangers, tmp_path, monkeypatch):
    strangers("impostor", {"mean": "impostor_mean"}, impostor_mean=COMBINER.format(name="mean"))
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)] + [str(tmp_path)])
    with pytest.warns(PluginWarning, match="impostor 1.0 is not loaded"):
        assert load_plugins().combiners["mean"].__module__ == "ensemblekit_plugins.combiners.mean"


def test_an_unknown_name_answers_with_near_matches_and_the_list():
    registry = load_plugins()
    with pytest.raises(UnknownPluginError) as raised:
        registry.create_combiner("wieghted")
    assert str(raised.value) == (
        f"No combiner is registered as 'wieghted'. Did you mean 'weighted'? There are: {', '.join(registry.combiners)}."
    )
    assert isinstance(raised.value, KeyError)
    assert isinstance(raised.value, EnsembleKitError)


def test_an_unknown_option_answers_with_the_signature():
    with pytest.raises(InvalidOptionError, match=r"'voting' takes the options \(kind.*weights.*received.*'wieghts'"):
        load_plugins().create_combiner("voting", wieghts=[1, 2])


def test_a_type_error_of_the_factory_itself_stays_what_it_is():
    def factory(size=1):
        return len(size)

    with pytest.raises(TypeError, match="object of type 'int' has no len"):
        load_plugins(plugins=[plugin(factory=factory)]).create_combiner("mine", size=2)


def test_an_option_may_be_called_name():
    registry = load_plugins(plugins=[plugin(factory=lambda name: SimpleNamespace(name=name, combine=print))])
    assert registry.create_combiner("mine", name="other").name == "other"


def test_what_is_no_combiner_is_refused_with_its_owner():
    registry = load_plugins(plugins=[plugin(factory=lambda: SimpleNamespace(combine=None))])
    with pytest.raises(PluginLoadError, match="must have a method combine; 'mine' of plugin 'development'"):
        registry.create_combiner("mine")


def test_a_plugin_under_development_is_given_as_a_module():
    registry = load_plugins(plugins=[plugin(factory=Combiner)])
    assert registry.combiners["mine"] is Combiner
    assert "mine" not in load_plugins().combiners


def test_a_module_given_may_have_the_name_of_a_built_in_plugin():
    module = plugin(factory=Combiner)
    module.__name__ = "mean"
    assert load_plugins(plugins=[module]).combiners["mine"] is Combiner


def test_a_module_given_may_not_take_the_name_of_a_built_in():
    with pytest.warns(PluginWarning, match="of this program is loaded without its combiner 'mean'"):
        load_plugins(plugins=[plugin("mean", Combiner)])


def test_a_registry_cannot_be_changed():
    registry = load_plugins()
    with pytest.raises(TypeError, match="does not support item assignment"):
        registry.combiners["mine"] = Combiner
    with pytest.raises(TypeError, match="does not support item deletion"):
        del registry.combiners["mean"]
    with pytest.raises(AttributeError, match="combiners"):
        registry.combiners = {}
    with pytest.raises(AttributeError, match="name"):
        registry.registrations[0].name = "mine"


def test_an_uninstalled_checkout_says_how_to_install(tmp_path):
    python, environment = uninstalled(tmp_path)
    code = "import ensemblekit; ensemblekit.load_plugins()"
    done = subprocess.run([*python, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ensemblekit.errors.PluginLoadError: The entry points of ensemblekit must be installed")
    assert 'pip install -e ".[all]"' in last


def test_a_built_in_that_is_broken_raises(tmp_path):
    python, environment = uninstalled(tmp_path)
    write_distribution(tmp_path, "ensemblekit", {"mean": "broken_mean"}, broken_mean="raise RuntimeError('boom')")
    code = "import ensemblekit; ensemblekit.load_plugins()"
    done = subprocess.run([*python, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.strip().splitlines()[-1] == (
        "ensemblekit.errors.PluginLoadError: The built-in plugin 'mean' of ensemblekit 1.0 cannot be loaded: boom"
    )


def test_a_broken_plugin_of_this_program_raises():
    with pytest.raises(PluginLoadError, match=r"plugin 'int' of this program cannot be loaded: .* at least one of the"):
        load_plugins(plugins=[3])
