"""The rules of other libraries, called on the same predictions as ours."""
