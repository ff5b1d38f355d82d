"""The settings from file, environment and flags: read once at start, checked, and handed on as frozen values.

Nothing else reads the environment.
"""

from connector.settings.document import document, in_force
from connector.settings.loading import Problem, SettingsError, load, load_told
from connector.settings.sections import Settings
from connector.settings.values import Address

__all__ = ["Address", "Problem", "Settings", "SettingsError", "document", "in_force", "load", "load_told"]
