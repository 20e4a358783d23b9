"""The built-in combination rules, one per file, and the base classes that some of them share."""
