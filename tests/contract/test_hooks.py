"""No hook without a page in the docs and a real user among the built-in plugins."""

import re

import pytest

from ensemblekit import hookspecs, load_plugins
from ensemblekit.hookspecs import HOOKS
from tests.strangers import REPO


def has_heading(page, hook):
    """Say whether a Markdown page has a heading with the name of the hook."""
    return re.search(rf"^#+ .*\b{hook}\b", page, re.MULTILINE) is not None


@pytest.mark.parametrize("hook", HOOKS.values())
def test_every_hook_has_a_heading_in_the_docs(hook):
    assert has_heading((REPO / "docs" / "write-a-plugin.md").read_text(), hook)


def test_a_hook_that_is_only_mentioned_has_no_heading():
    assert has_heading("# Hooks\n## `ensemblekit_register_heads(register)`\n", "ensemblekit_register_heads")
    assert not has_heading("# Hooks\nCall ensemblekit_register_heads.\n", "ensemblekit_register_heads")
    assert not has_heading("## `ensemblekit_register_heads_up`\n", "ensemblekit_register_heads")


@pytest.mark.parametrize("kind", HOOKS)
def test_every_hook_has_a_built_in_user(kind):
    users = [r.name for r in load_plugins().registrations if r.kind == kind and r.distribution == "ensemblekit"]
    assert users, f"no built-in plugin registers a {kind}"


def test_every_hook_is_specified_and_documented():
    specified = {name for name in vars(hookspecs) if name.startswith("ensemblekit_register_")}
    assert set(HOOKS.values()) == specified
    for name in specified:
        assert getattr(hookspecs, name).__doc__.startswith("Called once by `load_plugins`")


def test_every_plugin_says_in_a_line_what_it_registers():
    for registration in load_plugins().registrations:
        assert registration.summary.endswith("."), registration
