"""Connector gives external systems an identity: a one-time token becomes a client certificate."""

__version__ = "0.1.0"
