"""The Director's types are those of Compass: clients decode each field by its type, and declare variables by theirs."""

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, build_schema, parse
from graphql.language import (
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    print_ast,
)

from connector.web.graphql.sdl import sdl

SCHEMA = build_schema(sdl("director"))
TYPES = """
type Query {
    formation(id: ID!): Formation
    formationByName(name: String!): Formation
    formations(first: Int, after: PageCursor): FormationPage!
    formationsForObject(objectID: ID!): [Formation!]!
    applicationsForRuntime(runtimeID: ID!, first: Int, after: PageCursor): ApplicationPage!
}
type Mutation {
    registerApplication(in: ApplicationRegisterInput!, mode: OperationMode): Application!
    updateApplication(id: ID!, in: ApplicationUpdateInput!, mode: OperationMode): Application!
    unregisterApplication(id: ID!, mode: OperationMode): Application!
    createFormation(formation: FormationInput!): Formation!
    deleteFormation(formation: FormationInput!): Formation!
    assignFormation(objectID: ID!, objectType: FormationObjectType!, formation: FormationInput!): Formation!
    unassignFormation(objectID: ID!, objectType: FormationObjectType!, formation: FormationInput!): Formation!
    deleteDefaultEventingForApplication(appID: String!): ApplicationEventingConfiguration!
    deleteSystemAuthForApplication(authID: ID!): SystemAuth!
    deleteSystemAuthForRuntime(authID: ID!): SystemAuth!
    deleteSystemAuthForIntegrationSystem(authID: ID!): SystemAuth!
}
input ApplicationRegisterInput {
    name: String! providerName: String description: String labels: Labels integrationSystemID: ID healthCheckURL: String
    baseUrl: String applicationNamespace: String localTenantID: String statusCondition: ApplicationStatusCondition
}
input RuntimeRegisterInput {
    name: String! description: String labels: Labels applicationNamespace: String
    statusCondition: RuntimeStatusCondition
}
input FormationInput { name: String! templateName: String state: String }
type Application {
    id: ID! name: String! providerName: String description: String integrationSystemID: ID
    labels(key: String): Labels status: ApplicationStatus! auths: [AppSystemAuth!] updatedAt: Timestamp
    eventingConfiguration: ApplicationEventingConfiguration baseUrl: String systemNumber: String systemStatus: String
    applicationTemplateID: ID deletedAt: Timestamp error: String webhooks: [Webhook!] healthCheckURL: String
    integrationDependencies(first: Int, after: PageCursor): IntegrationDependencyPage
    bundles(first: Int, after: PageCursor): BundlePage operations: [Operation]
}
type Runtime {
    id: ID! name: String! description: String labels(key: String): Labels status: RuntimeStatus!
    metadata: RuntimeMetadata! auths: [RuntimeSystemAuth!] eventingConfiguration: RuntimeEventingConfiguration
    applicationNamespace: String runtimeContexts(first: Int, after: PageCursor): RuntimeContextPage webhooks: [Webhook!]
}
type AppSystemAuth {
    id: ID! auth: Auth type: SystemAuthReferenceType tenantId: String referenceObjectId: ID
}
type Auth {
    credential: CredentialData oneTimeToken: OneTimeToken certCommonName: String accessStrategy: String
    additionalHeaders: HttpHeaders additionalQueryParams: QueryParams requestAuth: CredentialRequestAuth
}
type CredentialRequestAuth { csrf: CSRFTokenCredentialRequestAuth }
type CSRFTokenCredentialRequestAuth {
    tokenEndpointURL: String! credential: CredentialData additionalHeaders: HttpHeaders
    additionalQueryParams: QueryParams
}
type BasicCredentialData { username: String! password: String! }
type OAuthCredentialData { clientId: ID! clientSecret: String! url: String! }
type CertificateOAuthCredentialData { clientId: ID! certificate: String! url: String! }
type Webhook {
    id: ID! applicationID: ID applicationTemplateID: ID runtimeID: ID formationTemplateID: ID type: WebhookType!
    mode: WebhookMode correlationIdKey: String retryInterval: Int timeout: Int url: String urlTemplate: String
    inputTemplate: String headerTemplate: String outputTemplate: String statusTemplate: String auth: Auth
    createdAt: Timestamp
}
type Bundle {
    id: ID! name: String! description: String instanceAuthRequestInputSchema: JSONSchema
    instanceAuths: [BundleInstanceAuth!] defaultInstanceAuth: Auth apiDefinitions: APIDefinitionPage
    eventDefinitions: EventDefinitionPage documents: DocumentPage
}
type BundleInstanceAuth {
    id: ID! context: JSON inputParams: JSON auth: Auth status: BundleInstanceAuthStatus! runtimeID: ID
    runtimeContextID: ID
}
type BundleInstanceAuthStatus {
    condition: BundleInstanceAuthStatusCondition! timestamp: Timestamp! message: String! reason: String!
}
type APIDefinition {
    id: ID! name: String! description: String spec: APISpec targetURL: String! group: String version: Version
}
type EventDefinition { id: ID! name: String! description: String group: String spec: EventSpec version: Version }
type APISpec { id: ID! data: CLOB format: SpecFormat! type: APISpecType! fetchRequest: FetchRequest }
type EventSpec { id: ID! data: CLOB format: SpecFormat! type: EventSpecType! fetchRequest: FetchRequest }
type Document {
    id: ID! title: String! displayName: String! description: String! format: DocumentFormat! kind: String data: CLOB
    fetchRequest: FetchRequest
}
type FetchRequest { url: String! auth: Auth mode: FetchMode! filter: String status: FetchRequestStatus! }
type FetchRequestStatus { condition: FetchRequestStatusCondition! message: String timestamp: Timestamp! }
type Version { value: String! deprecated: Boolean deprecatedSince: String forRemoval: Boolean }
type IntegrationDependency {
    id: ID! name: String! description: String ordID: String partOfPackage: String visibility: String
    releaseStatus: String mandatory: Boolean version: Version labels: Labels aspects: [Aspect!]
}
type Aspect {
    id: ID! name: String! description: String mandatory: Boolean apiResources: [AspectAPIDefinition!]
    eventResources: [AspectEventDefinition!]
}
type AspectAPIDefinition { ordID: String! }
type AspectEventDefinition { ordID: String! subset: [AspectEventDefinitionSubset!] }
type AspectEventDefinitionSubset { eventType: String }
type Operation {
    id: ID! operationType: ScheduledOperationType! status: OperationStatus! error: String
    errorSeverity: OperationErrorSeverity! createdAt: Timestamp updatedAt: Timestamp
}
type RuntimeContext { id: ID! key: String! value: String! labels: Labels }
type Formation { id: ID! name: String! formationTemplateId: ID! state: String! status: FormationStatus! }
type FormationStatus { condition: FormationStatusCondition! errors: [FormationStatusError!] }
type FormationStatusError { assignmentID: ID message: String! errorCode: Int! }
type PageInfo { startCursor: PageCursor! endCursor: PageCursor! hasNextPage: Boolean! }
enum FormationObjectType { APPLICATION TENANT RUNTIME RUNTIME_CONTEXT }
enum FormationStatusCondition { IN_PROGRESS ERROR READY DRAFT }
enum WebhookType {
    CONFIGURATION_CHANGED APPLICATION_TENANT_MAPPING REGISTER_APPLICATION UNREGISTER_APPLICATION
    OPEN_RESOURCE_DISCOVERY OPEN_RESOURCE_DISCOVERY_STATIC FORMATION_LIFECYCLE SYSTEM_FIELD_DISCOVERY
}
enum WebhookMode { SYNC ASYNC ASYNC_CALLBACK }
enum SpecFormat { YAML JSON XML }
enum APISpecType { ODATA OPEN_API }
enum EventSpecType { ASYNC_API }
enum FetchMode { SINGLE BUNDLE INDEX }
enum FetchRequestStatusCondition { INITIAL SUCCEEDED FAILED }
enum BundleInstanceAuthStatusCondition { PENDING SUCCEEDED FAILED UNUSED }
enum DocumentFormat { MARKDOWN }
enum ScheduledOperationType { ORD_AGGREGATION SYSTEM_FETCHING }
enum OperationStatus { SCHEDULED IN_PROGRESS COMPLETED FAILED }
enum OperationErrorSeverity { INFO WARNING ERROR NONE }
enum ViewerType { RUNTIME APPLICATION INTEGRATION_SYSTEM USER }
"""
DEFINITIONS = [each for each in parse(TYPES).definitions if isinstance(each, TypeDefinitionNode)]


@pytest.mark.parametrize("expected", DEFINITIONS, ids=lambda each: each.name.value)
def test_a_type_has_what_clients_know_of_it(expected: TypeDefinitionNode) -> None:
    """Every field and argument has the name, the type and the nullability that clients of Compass know, and an enum has
    the same values. Types and inputs may have more.
    """
    found = SCHEMA.type_map[expected.name.value]
    match expected, found:
        case (EnumTypeDefinitionNode(), GraphQLEnumType()):
            assert {each.name.value for each in expected.values or ()} == set(found.values)
        case (ObjectTypeDefinitionNode(), GraphQLObjectType()):
            for field in expected.fields or ():
                given = found.fields[field.name.value]
                assert str(given.type) == print_ast(field.type)
                for argument in field.arguments or ():
                    assert str(given.args[argument.name.value].type) == print_ast(argument.type)
        case (InputObjectTypeDefinitionNode(), GraphQLInputObjectType()):
            for value in expected.fields or ():
                assert str(found.fields[value.name.value].type) == print_ast(value.type)
        case _:
            pytest.fail(f"{found} is of another kind")


@pytest.mark.parametrize("name", sorted(name for name in SCHEMA.type_map if name.endswith("Page")))
def test_a_page_is_like_any_other(name: str) -> None:
    """Every page has its data, its page info and its total."""
    page = SCHEMA.type_map[name]
    assert isinstance(page, GraphQLObjectType)
    kinds = {field: str(each.type) for field, each in page.fields.items()}

    assert kinds.pop("data").endswith("!]!")
    assert kinds == {"pageInfo": "PageInfo!", "totalCount": "Int!"}
