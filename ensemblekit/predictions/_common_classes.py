"""Classes of members are joined by name, or refused with the aliases that may be meant."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from ..errors import AlignmentError
from .alike import normalisation_note, propose_aliases, shown_aliases
from .names import few

if TYPE_CHECKING:
    from ._predictions import Predictions

__all__ = ["common_classes"]


def common_classes(
    members: list[Predictions], absent: str, aliases: Mapping[Hashable, Hashable]
) -> tuple[Hashable, ...]:
    """Find the classes of all members, in the order of the first.

    Parameters
    ----------
    members : list of Predictions
        Named, with different names.
    absent : {"error", "zero"}
        Policy for a class that a member does not know.
    aliases : mapping
        As in `align`; a class that is mapped to itself has no other name.

    Raises
    ------
    AlignmentError
        If a member lacks a class of another that the policy does not cover.
    """
    if all(p.classes == members[0].classes for p in members):
        return members[0].classes
    classes = list(dict.fromkeys(c for p in members for c in p.classes))
    known = {str(member.member): {*member.classes} for member in members}
    for member in members:
        lacks = [c for c in classes if c not in known[str(member.member)]]
        if not lacks:
            continue
        others = next(p for p in members if not known[str(p.member)].isdisjoint(lacks))
        # A class mapped to itself has no other name.
        extra = [c for c in member.classes if c not in known[str(others.member)] and aliases.get(c) != c]
        theirs = [c for c in others.classes if c not in known[str(member.member)] and aliases.get(c) != c]
        proposal = propose_aliases(extra, theirs)
        message = (
            f"classes must be the same for every member; member {member.member!r} lacks {few(lacks)} that member "
            f"{others.member!r} has"
        )
        note = normalisation_note(extra, theirs)
        if proposal or note:
            error = AlignmentError(f"{message}. {_alias_advice(proposal, note)}")
            error.aliases = {str(old): str(new) for old, new in proposal.items()}
            raise error
        if absent == "error" or member.kind == "regression":
            raise AlignmentError(
                f"{message}. Give aliases={{name: common name}} if it is a matter of names, or missing='zero' if the "
                "member never saw that class."
            )
    return tuple(classes)


def _alias_advice(proposal: Mapping[Hashable, Hashable], note: str) -> str:
    given = shown_aliases(proposal) if proposal else "aliases={name: common name}"
    if note:
        return f"{note.strip()} Give {given}."
    kept = shown_aliases({name: name for name in proposal})
    return (
        f"If these are other names of the same classes, give {given}. If they are classes of their own, say so by "
        f"{kept}, and give missing='zero'."
    )
