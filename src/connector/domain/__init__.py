"""Values and rules, a file a noun: plain Python without I/O; time and randomness are arguments.

Begin with :mod:`connector.domain.tokens`. Every refusal is in :mod:`connector.domain.refusals`.
"""
