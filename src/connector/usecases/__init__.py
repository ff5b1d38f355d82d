"""The work of the program: a use case is a function of a realm, and decides by the domain's rules.

Begin with :mod:`connector.usecases.realms`, what a caller may reach, and :mod:`connector.usecases.registration`, which
is typical. :mod:`connector.usecases.offices` runs use cases. How a request gets here is the business of ``web`` and
``cli``; what a transaction can do is in :mod:`connector.ports`.
"""
