"""PostgreSQL, 14 or newer."""

CONNECTIONS = 8
"""The most connections that a process opens, unless the settings say otherwise."""
