"""How fast combination rules are, as multiples of a memory copy."""
