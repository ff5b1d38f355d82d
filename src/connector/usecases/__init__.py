"""What the program does: each use case is a function over a transaction, and decides by the domain's rules.

Begin with :mod:`connector.usecases.registration`. How a request gets here is the business of ``web`` and ``cli``;
what a transaction can do is in :mod:`connector.ports`.
"""
