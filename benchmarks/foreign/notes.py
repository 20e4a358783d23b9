"""What a package documents of a promise that it breaks, as read in its documentation and source."""

__all__ = ["NOTES"]

NOTES: dict[tuple[str, str, str], str] = {}
