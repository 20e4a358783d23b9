"""The built-in combination rules, one a file, and the bases that some of them share."""
