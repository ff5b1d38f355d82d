"""The Director documents that Compass's clients send, built from their selections, exactly as they are spelled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

CRED = (
    "... on BasicCredentialData { username password } "
    "... on CertificateOAuthCredentialData { clientId certificate url } "
    "... on OAuthCredentialData { clientId clientSecret url }"
)
AUTH = (
    f"credential {{ {CRED} }} oneTimeToken {{ __typename token used expiresAt }} certCommonName accessStrategy "
    "additionalHeaders additionalQueryParams requestAuth { csrf { tokenEndpointURL "
    f"credential {{ {CRED} }} additionalHeaders additionalQueryParams }} }}"
)
WEBHOOK = (
    "id applicationID applicationTemplateID runtimeID formationTemplateID type mode correlationIdKey retryInterval "
    f"timeout url urlTemplate inputTemplate headerTemplate outputTemplate statusTemplate auth {{ {AUTH} }} createdAt"
)
FETCH = f"url auth {{ {AUTH} }} mode filter status {{ condition message timestamp }}"
VERSION = "value deprecated deprecatedSince forRemoval"
SPEC = f"id data format type fetchRequest {{ {FETCH} }}"


def page(selection: str) -> str:
    """A page of objects, each with this selection."""
    return f"data {{ {selection} }} pageInfo {{ startCursor endCursor hasNextPage }} totalCount"


API = f"id name description spec {{ {SPEC} }} targetURL group version {{ {VERSION} }}"
EVENT = f"id name description group spec {{ {SPEC} }} version {{ {VERSION} }}"
DOC = f"id title displayName description format kind data fetchRequest {{ {FETCH} }}"
BIA = (
    f"id context inputParams auth {{ {AUTH} }} status {{ condition timestamp message reason }} "
    "runtimeID runtimeContextID"
)
BUNDLE = (
    f"id name description instanceAuthRequestInputSchema instanceAuths {{ {BIA} }} defaultInstanceAuth {{ {AUTH} }} "
    f"apiDefinitions {{ {page(API)} }} eventDefinitions {{ {page(EVENT)} }} documents {{ {page(DOC)} }}"
)
INTDEP = (
    "id name description ordID partOfPackage visibility releaseStatus mandatory "
    f"version {{ {VERSION} }} labels aspects {{ id name description mandatory apiResources {{ ordID }} "
    "eventResources { ordID subset { eventType } } }"
)
APP = (
    "id name providerName description baseUrl systemNumber systemStatus integrationSystemID applicationTemplateID "
    f"labels deletedAt updatedAt error status {{ condition timestamp }} webhooks {{ {WEBHOOK} }} "
    f"integrationDependencies {{ {page(INTDEP)} }} healthCheckURL bundles {{ {page(BUNDLE)} }} "
    f"auths {{ id auth {{ {AUTH} }} }} "
    "operations { id operationType status error errorSeverity createdAt updatedAt } "
    "eventingConfiguration { defaultURL }"
)
RT = (
    "id name description applicationNamespace labels status { condition timestamp } metadata { creationTimestamp } "
    f"auths {{ id auth {{ {AUTH} }} }} runtimeContexts {{ {page('id key value labels')} }} "
    f"webhooks {{ {WEBHOOK} }} eventingConfiguration {{ defaultURL }}"
)
FORM = "id name formationTemplateId state status { condition errors { assignmentID message errorCode } }"
INTSYS = f"id name description auths {{ id auth {{ {AUTH} }} }}"
AGENT = (
    'query { runtime(id: "%(runtime)s") { labels } applicationsForRuntime(runtimeID: "%(runtime)s") { '
    + page(
        "id name providerName description labels auths { id } bundles { "
        + page(
            "id name description instanceAuthRequestInputSchema "
            f"apiDefinitions {{ {page(f'id name description targetURL group version {{ {VERSION} }}')} }} "
            f"eventDefinitions {{ {page(f'id name description group version {{ {VERSION} }}')} }} "
            "defaultInstanceAuth { credential { ... on BasicCredentialData { username password } "
            "... on OAuthCredentialData { clientId clientSecret url } } additionalHeaders additionalQueryParams "
            "requestAuth { csrf { tokenEndpointURL } } }"
        )
        + " }"
    )
    + " } }"
)
"""What a runtime's agent asks for: two root fields, neither with an alias."""
MINTED = "token connectorURL raw rawEncoded legacyConnectorURL"


@dataclass(frozen=True, slots=True)
class Operation:
    """One root field: how it is spelled, with %(name)s where the client writes an id, and its selection."""

    name: str
    kind: str
    arguments: str
    selection: str
    tenant: str | None = None
    """What stands in the Tenant header, where it is not the tenant."""

    def document(self, *, alias: str = "result: ", **ids: str) -> str:
        """The document as a client sends it."""
        return f"{self.kind} {{ {alias}{self.name}({self.arguments % ids}) {{ {self.selection} }} }}"


def as_in_fixtures(document: str) -> dict[str, Any]:
    """The request as Compass's own tests send it."""
    return {"query": document, "variables": None}


def as_plain(document: str) -> dict[str, Any]:
    """The request without what GraphQL has no need of: commas at the end, empty lists of arguments, variables."""
    return {"query": _plain(document)}


def as_by_apollo(document: str) -> dict[str, Any]:
    """The request as Apollo sends it: printed anew, with __typename in every selection but the root's."""
    typename = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())

    class Typenames(Visitor):
        @staticmethod
        def leave_selection_set(node: SelectionSetNode, _key: object, parent: object, *_: object) -> Any:
            if isinstance(parent, OperationDefinitionNode):
                return None
            return SelectionSetNode(selections=(*node.selections, typename))

    printed = print_ast(visit(parse(_plain(document)), Typenames()))
    return {"operationName": None, "variables": {}, "query": printed}


Spelling = Callable[[str], dict[str, Any]]
SPELLINGS: Sequence[tuple[Spelling, str]] = (
    (as_in_fixtures, "result: "),
    (as_in_fixtures, ""),
    (as_plain, "result: "),
    (as_by_apollo, ""),
)
"""How requests are spelled, with and without the alias of the root field."""


def _plain(document: str) -> str:
    return document.replace(", }", " }").replace("()", "")


OPERATIONS: Mapping[str, Operation] = {
    "register application": Operation("registerApplication", "mutation", 'in: { name: "%(new)s", }', APP),
    "register legacy application": Operation(
        "registerApplication", "mutation", 'in: { name: "%(new)s", labels: { legacy: true, }, }', APP
    ),
    "register managed application": Operation(
        "registerApplication", "mutation", 'in: { name: "%(new)s", integrationSystemID: "%(system)s", }', APP
    ),
    "register described application": Operation(
        "registerApplication",
        "mutation",
        'in: { name: "%(new)s", providerName: "provider", description: "described", '
        'labels: { applicationType: "SAP Cloud for Customer", }, healthCheckURL: "http://health.example/check", }',
        APP,
    ),
    "application": Operation("application", "query", 'id: "%(application)s"', APP),
    "applications": Operation("applications", "query", 'first: 200, after: ""', page(APP)),
    "register runtime": Operation("registerRuntime", "mutation", 'in: { name: "%(new)s", description: "d", }', RT),
    "register labelled runtime": Operation(
        "registerRuntime", "mutation", 'in: { name: "%(new)s", labels: { placeholder: ["placeholder"], }, }', RT
    ),
    "runtime": Operation("runtime", "query", 'id: "%(runtime)s"', RT),
    "runtimes": Operation("runtimes", "query", 'first: 200, after: ""', page(RT)),
    "application token": Operation("requestOneTimeTokenForApplication", "mutation", 'id: "%(application)s"', MINTED),
    "application token in place of another": Operation(
        "requestOneTimeTokenForApplication", "mutation", 'id: "", systemAuthID: "%(application_auth)s"', MINTED
    ),
    "runtime token": Operation(
        "requestOneTimeTokenForRuntime", "mutation", 'id: "%(runtime)s"', MINTED.rpartition(" ")[0]
    ),
    "register integration system": Operation(
        "registerIntegrationSystem", "mutation", 'in: { name: "%(new)s", }', INTSYS
    ),
    "integration system": Operation("integrationSystem", "query", 'id: "%(system)s"', INTSYS),
    "integration systems": Operation("integrationSystems", "query", 'first: 200, after: ""', page(INTSYS)),
    "integration system credentials": Operation(
        "requestClientCredentialsForIntegrationSystem", "mutation", 'id: "%(system)s"', f"id auth {{ {AUTH} }}"
    ),
    "application credentials": Operation(
        "requestClientCredentialsForApplication", "mutation", 'id: "%(application)s"', f"id auth {{ {AUTH} }}"
    ),
    "runtime credentials": Operation(
        "requestClientCredentialsForRuntime", "mutation", 'id: "%(runtime)s"', f"id auth {{ {AUTH} }}"
    ),
    "delete integration system credentials": Operation(
        "deleteSystemAuthForIntegrationSystem", "mutation", 'authID: "%(auth)s"', f"id auth {{ {AUTH} }}", tenant=""
    ),
    "delete application credentials": Operation(
        "deleteSystemAuthForApplication", "mutation", 'authID: "%(application_auth)s"', f"id auth {{ {AUTH} }}"
    ),
    "delete runtime credentials": Operation(
        "deleteSystemAuthForRuntime", "mutation", 'authID: "%(runtime_auth)s"', f"id auth {{ {AUTH} }}"
    ),
    **{
        f"set runtime label {key} to {value!r}": Operation(
            "setRuntimeLabel", "mutation", f'runtimeID: "%(runtime)s", key: "{key}", value: "{value}"', "key value"
        )
        for key, value in (
            ("isNormalized", "true"),
            ("isNormalized", "false"),
            ("runtime_eventServiceUrl", "https://events.example"),
            ("runtime_consoleUrl", "https://console.example"),
        )
    },
    "delete runtime label": Operation(
        "deleteRuntimeLabel", "mutation", 'runtimeID: "%(runtime)s", key: "isNormalized"', "key value"
    ),
    "update runtime": Operation(
        "updateRuntime",
        "mutation",
        'id: "%(runtime)s", in: { name: "%(new)s", labels: { a: ["b"], }, statusCondition: CONNECTED, }',
        RT,
    ),
    "update application": Operation(
        "updateApplication",
        "mutation",
        'id: "%(application)s", in: { providerName: "provider", description: "d", baseUrl: "https://a.example", }',
        APP,
    ),
    "unpair application": Operation("unpairApplication", "mutation", 'id: "%(application)s"', APP),
    "set application label": Operation(
        "setApplicationLabel",
        "mutation",
        'applicationID: "%(application)s", key: "name", value: "%(new)s"',
        "key value",
    ),
    "delete application label": Operation(
        "deleteApplicationLabel", "mutation", 'applicationID: "%(application)s", key: "name"', "key value"
    ),
    "set default eventing": Operation(
        "setDefaultEventingForApplication",
        "mutation",
        'runtimeID: "%(runtime)s", appID: "%(application)s"',
        "defaultURL",
    ),
    "delete default eventing": Operation(
        "deleteDefaultEventingForApplication", "mutation", 'appID: "%(application)s"', "defaultURL"
    ),
    "viewer": Operation("viewer", "query", "", "id type __typename"),
    "viewer's id and type": Operation("viewer", "query", "", "id type"),
    "label definitions": Operation("labelDefinitions", "query", "", "key schema"),
    "tenants": Operation("tenants", "query", 'first: 200, after: "", searchTerm: "comp"', page("id internalID name")),
    "tenant by its external id": Operation("tenantByExternalID", "query", 'id: "compass"', "id internalID name"),
    "create formation": Operation("createFormation", "mutation", 'formation: { name: "%(new)s", }', FORM),
    "assign application": Operation(
        "assignFormation",
        "mutation",
        'objectID: "%(application)s", objectType: APPLICATION, formation: { name: "%(formation)s", }',
        FORM,
    ),
    "assign runtime": Operation(
        "assignFormation",
        "mutation",
        'objectID: "%(runtime)s", objectType: RUNTIME, formation: { name: "%(formation)s", }',
        FORM,
    ),
    "formation": Operation("formation", "query", 'id: "%(formation_id)s"', FORM),
    "formation by name": Operation("formationByName", "query", 'name: "%(formation)s"', FORM),
    "formations": Operation("formations", "query", 'first: 200, after: ""', page(FORM)),
    "formations of an object": Operation("formationsForObject", "query", 'objectID: "%(application)s"', FORM),
    "applications of a runtime": Operation(
        "applicationsForRuntime", "query", 'runtimeID: "%(runtime)s", first: 200, after: ""', page(APP)
    ),
    "unassign application": Operation(
        "unassignFormation",
        "mutation",
        'objectID: "%(application)s", objectType: APPLICATION, formation: { name: "%(formation)s", }',
        FORM,
    ),
    "delete formation": Operation("deleteFormation", "mutation", 'formation: { name: "%(formation)s", }', FORM),
    "adapter's application": Operation(
        "application", "query", 'id: "%(application)s"', "name labels eventingConfiguration { defaultURL }"
    ),
    "unregister runtime": Operation("unregisterRuntime", "mutation", 'id: "%(runtime)s"', RT),
    "unregister application": Operation("unregisterApplication", "mutation", 'id: "%(application)s"', APP),
    "unregister integration system": Operation("unregisterIntegrationSystem", "mutation", 'id: "%(system)s"', INTSYS),
}
"""In an order in which each finds what it needs: the objects are unregistered last."""
REQUESTS = [(name, spelling, alias) for name, operation in OPERATIONS.items() for spelling, alias in SPELLINGS]
"""The operation, and how it is spelled."""
