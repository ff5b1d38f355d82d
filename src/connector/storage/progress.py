"""How a long task on the database reports where it stands."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done to a table, the number of rows done, and the number of rows in all."""
