"""The commands by topic, so that the help and completion list them without importing them."""

from __future__ import annotations

__all__ = ["MODULES", "TOPICS", "summaries"]

TOPICS = {
    "Combine and judge": {
        "combine": "combine the predictions of several members",
        "choose": "choose the rule that combines members best",
        "evaluate": "scores with intervals",
        "compare": "paired tests and their conclusions",
        "report": "a page: how to combine, and whether it is worth it",
        "cascade": "which rows need the large model, and joining its answers",
        "rank": "fuse TREC runs, and score them by query",
    },
    "Images and networks": {
        "predict": "predict any number of images",
        "fuse": "convert several models and a rule to one model",
        "profile": "cost of a model, and the value of each member",
        "audit": "find copies, leaks and label conflicts among images",
        "cache": "show or clear the feature bank",
    },
    "Start and look up": {
        "init": "write an example folder to play with",
        "plugins": "list rules, metrics and other plugins, or show one",
        "check": "test whether a plugin keeps its promises",
        "guide": "a short guide for programs that write code",
    },
}
"""Topic -> commands in the order of the help -> what each does."""

MODULES = {"compare": "evaluate"}
"""Command -> its module, where that has another name."""


def summaries() -> dict[str, str]:
    """List the commands in the order of the help, with what each does."""
    return {name: text for commands in TOPICS.values() for name, text in commands.items()}
