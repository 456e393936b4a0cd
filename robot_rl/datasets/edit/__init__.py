"""Editing a data set: delete, keep, split, merge, relabel, trim, rename. Each is whole or not at all, and undoable.

`transaction` holds the protocol, `apply` does edits and undoes them, the other modules are the edits themselves.
"""
