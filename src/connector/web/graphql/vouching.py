"""Whether an answer shows that its caller presented a good credential."""

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, FieldNode, OperationDefinitionNode
from starlette.types import Scope

from connector.web.requests import is_stranger, vouch


def vouch_by(scope: Scope, document: DocumentNode, data: Mapping[str, Any] | None) -> None:
    """Tell the connection if this answer, which came without an error, shows a good credential."""
    if is_stranger(scope) and shows_credential(document, data):
        vouch(scope)


def shows_credential(document: DocumentNode, data: Mapping[str, Any] | None) -> bool:
    """Whether a root field was answered that nobody is answered without a credential; ``data`` came without an error.

    Introspection (``__typename``) is answered to everybody. A document with a fragment at its root shows nothing here:
    it is rare, and not worth looking into.
    """
    open_keys = set[str]()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            for selection in definition.selection_set.selections:
                if not isinstance(selection, FieldNode):
                    return False
                if selection.name.value.startswith("__"):
                    open_keys.add((selection.alias or selection.name).value)
    return any(key not in open_keys for key in data or {})
