"""Exit codes of the command that belong to no refusal; those that do are in :mod:`connector.web.problems`."""

EXIT_FAILED = 1
EXIT_SETTINGS = 2
