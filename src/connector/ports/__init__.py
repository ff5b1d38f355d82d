"""What the use cases need from outside, a file a noun; each promise is in a docstring.

A use case is a plain function over a :class:`connector.ports.transaction.Transaction`; a
:class:`connector.ports.transaction.Store` runs it and commits before its caller gets the result. The function may run
again after a conflict, so it has no side effect but the transaction's.
"""
