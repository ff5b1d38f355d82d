"""The use cases' needs from outside, a file a noun; each promise is in a docstring.

Begin with :mod:`connector.ports.transaction`: a store runs a function over a transaction, and commits before its caller
gets the result. The function may run again after a conflict, so it has no side effect but the transaction's.
"""
