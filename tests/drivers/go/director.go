package main

import (
	"fmt"
	"strings"
)

// What these programs select: every field of an object, each of the server's types as a type of Go.

const credSelection = `
	... on BasicCredentialData { username password }
	... on CertificateOAuthCredentialData { clientId certificate url }
	... on OAuthCredentialData { clientId clientSecret url }`

const authSelection = `credential {` + credSelection + ` } oneTimeToken { __typename token used expiresAt }
	certCommonName accessStrategy additionalHeaders additionalQueryParams
	requestAuth { csrf { tokenEndpointURL credential {` + credSelection + ` } additionalHeaders additionalQueryParams } }`

const webhookSelection = `id applicationID applicationTemplateID runtimeID formationTemplateID type mode correlationIdKey
	retryInterval timeout url urlTemplate inputTemplate headerTemplate outputTemplate statusTemplate
	auth { ` + authSelection + ` } createdAt`

const fetchSelection = `url auth { ` + authSelection + ` } mode filter status { condition message timestamp }`
const versionSelection = `value deprecated deprecatedSince forRemoval`
const specSelection = `id data format type fetchRequest { ` + fetchSelection + ` }`

func pageOf(selection string) string {
	return "data { " + selection + " } pageInfo { startCursor endCursor hasNextPage } totalCount"
}

var bundleSelection = `id name description instanceAuthRequestInputSchema
	instanceAuths { id context inputParams auth { ` + authSelection + ` } status { condition timestamp message reason }
		runtimeID runtimeContextID }
	defaultInstanceAuth { ` + authSelection + ` }
	apiDefinitions { ` + pageOf(`id name description spec { `+specSelection+` } targetURL group version { `+versionSelection+` }`) + ` }
	eventDefinitions { ` + pageOf(`id name description group spec { `+specSelection+` } version { `+versionSelection+` }`) + ` }
	documents { ` + pageOf(`id title displayName description format kind data fetchRequest { `+fetchSelection+` }`) + ` }`

var applicationSelection = `id name providerName description baseUrl systemNumber systemStatus integrationSystemID
	applicationTemplateID labels deletedAt updatedAt error status { condition timestamp }
	webhooks { ` + webhookSelection + ` }
	integrationDependencies { ` + pageOf(`id name description ordID partOfPackage visibility releaseStatus mandatory
		version { `+versionSelection+` } labels aspects { id name description mandatory apiResources { ordID }
		eventResources { ordID subset { eventType } } }`) + ` }
	healthCheckURL bundles { ` + pageOf(bundleSelection) + ` } auths { id auth { ` + authSelection + ` } }
	operations { id operationType status error errorSeverity createdAt updatedAt }
	eventingConfiguration { defaultURL }`

const runtimeSelection = `id name description applicationNamespace labels status { condition timestamp }
	metadata { creationTimestamp } auths { id auth { ` + authSelection + ` } }
	runtimeContexts { data { id key value labels } pageInfo { startCursor endCursor hasNextPage } totalCount }
	webhooks { ` + webhookSelection + ` } eventingConfiguration { defaultURL }`

const formationSelection = `id name formationTemplateId state status { condition errors { assignmentID message errorCode } }`

type pageInfo struct {
	StartCursor string `json:"startCursor"`
	EndCursor   string `json:"endCursor"`
	HasNextPage bool   `json:"hasNextPage"`
}

type page[T any] struct {
	Data       []T      `json:"data"`
	PageInfo   pageInfo `json:"pageInfo"`
	TotalCount int      `json:"totalCount"`
}

type oneTimeToken struct {
	Typename  string    `json:"__typename"`
	Token     string    `json:"token"`
	Used      bool      `json:"used"`
	ExpiresAt timestamp `json:"expiresAt"`
}

type auth struct {
	Credential            map[string]string   `json:"credential"`
	OneTimeToken          *oneTimeToken       `json:"oneTimeToken"`
	CertCommonName        *string             `json:"certCommonName"`
	AccessStrategy        *string             `json:"accessStrategy"`
	AdditionalHeaders     map[string][]string `json:"additionalHeaders"`
	AdditionalQueryParams map[string][]string `json:"additionalQueryParams"`
	RequestAuth           *struct{}           `json:"requestAuth"`
}

type systemAuth struct {
	ID   string `json:"id"`
	Auth *auth  `json:"auth"`
}

type eventing struct {
	DefaultURL string `json:"defaultURL"`
}

type status struct {
	Condition string    `json:"condition"`
	Timestamp timestamp `json:"timestamp"`
}

type application struct {
	ID                      string         `json:"id"`
	Name                    string         `json:"name"`
	ProviderName            *string        `json:"providerName"`
	Description             *string        `json:"description"`
	BaseURL                 *string        `json:"baseUrl"`
	SystemNumber            *string        `json:"systemNumber"`
	SystemStatus            *string        `json:"systemStatus"`
	IntegrationSystemID     *string        `json:"integrationSystemID"`
	ApplicationTemplateID   *string        `json:"applicationTemplateID"`
	Labels                  map[string]any `json:"labels"`
	DeletedAt               *timestamp     `json:"deletedAt"`
	UpdatedAt               *timestamp     `json:"updatedAt"`
	Error                   *string        `json:"error"`
	Status                  status         `json:"status"`
	Webhooks                []struct{}     `json:"webhooks"`
	IntegrationDependencies page[struct{}] `json:"integrationDependencies"`
	HealthCheckURL          *string        `json:"healthCheckURL"`
	Bundles                 page[struct{}] `json:"bundles"`
	Auths                   []systemAuth   `json:"auths"`
	Operations              []struct{}     `json:"operations"`
	EventingConfiguration   eventing       `json:"eventingConfiguration"`
}

type runtime struct {
	ID                   string         `json:"id"`
	Name                 string         `json:"name"`
	Description          *string        `json:"description"`
	ApplicationNamespace *string        `json:"applicationNamespace"`
	Labels               map[string]any `json:"labels"`
	Status               status         `json:"status"`
	Metadata             struct {
		CreationTimestamp timestamp `json:"creationTimestamp"`
	} `json:"metadata"`
	Auths                 []systemAuth   `json:"auths"`
	RuntimeContexts       page[struct{}] `json:"runtimeContexts"`
	Webhooks              []struct{}     `json:"webhooks"`
	EventingConfiguration eventing       `json:"eventingConfiguration"`
}

type formation struct {
	ID                  string `json:"id"`
	Name                string `json:"name"`
	FormationTemplateID string `json:"formationTemplateId"`
	State               string `json:"state"`
	Status              struct {
		Condition string     `json:"condition"`
		Errors    []struct{} `json:"errors"`
	} `json:"status"`
}

type minted struct {
	Token              string `json:"token"`
	ConnectorURL       string `json:"connectorURL"`
	Raw                string `json:"raw"`
	RawEncoded         string `json:"rawEncoded"`
	LegacyConnectorURL string `json:"legacyConnectorURL,omitempty"`
}

// administrator is a caller of the Director with an API key, or with the access token of client credentials.
func (w world) administrator(bearer string, more ...string) graphQL {
	headers := append([]string{"Authorization", "Bearer " + bearer, "Tenant", w.tenant}, more...)
	return newGraphQL(w.client(), w.public+"/director/graphql", headers...)
}

func registerApplication(director graphQL, input string) (application, error) {
	var made application
	document := fmt.Sprintf("mutation {\n\t\tresult: registerApplication(in: {%s}) {\n\t\t\t%s\n\t\t}\n\t}", input, applicationSelection)
	err := director.result(document, &made)
	return made, err
}

func registerRuntime(director graphQL, input string) (runtime, error) {
	var made runtime
	document := fmt.Sprintf("mutation {\n\t\tresult: registerRuntime(in: {%s}) {\n\t\t\t%s\n\t\t}\n\t}", input, runtimeSelection)
	err := director.result(document, &made)
	return made, err
}

// tokenFor asks for a one-time token; of an application with the address of the legacy API.
func tokenFor(director graphQL, kind, id string) (minted, error) {
	var made minted
	fields := "token connectorURL raw rawEncoded"
	if kind == "Application" {
		fields += " legacyConnectorURL"
	}
	document := fmt.Sprintf("mutation { result: requestOneTimeTokenFor%s(id: %q) { %s } }", kind, id, fields)
	if err := director.result(document, &made); err != nil {
		return made, err
	}
	if made.Token == "" || made.ConnectorURL == "" || made.Raw == "" || made.RawEncoded == "" {
		return made, fmt.Errorf("the %s's token has an empty field", strings.ToLower(kind))
	}
	return made, nil
}

func setLabel(director graphQL, kind, id, key, value string) error {
	var made map[string]any
	document := fmt.Sprintf("mutation { result: set%sLabel(%sID: %q, key: %q, value: %s) { key value } }",
		kind, strings.ToLower(kind), id, key, literal(value))
	if err := director.result(document, &made); err != nil {
		return err
	}
	if made["key"] != key || made["value"] != value || len(made) != 2 {
		return fmt.Errorf("label %v", made)
	}
	return nil
}

func formationOf(director graphQL, operation, arguments, name string) error {
	var made formation
	document := fmt.Sprintf("mutation { result: %sFormation(%sformation: {name: %q}) { %s } }", operation, arguments, name, formationSelection)
	if err := director.result(document, &made); err != nil {
		return err
	}
	if made.Name != name {
		return fmt.Errorf("%s answered formation %q", operation, made.Name)
	}
	return nil
}
