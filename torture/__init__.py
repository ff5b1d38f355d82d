"""Crashes, races and faults, put to real servers from outside. Small in `make test`, large in `make torture`."""
