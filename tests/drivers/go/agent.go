package main

import (
	"errors"
	"fmt"
	"time"
)

type agentDefinition struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
	TargetURL   string  `json:"targetURL,omitempty"`
	Group       *string `json:"group"`
	Version     *any    `json:"version"`
}

type agentAuth struct {
	Credential            map[string]string   `json:"credential"`
	AdditionalHeaders     map[string][]string `json:"additionalHeaders"`
	AdditionalQueryParams map[string][]string `json:"additionalQueryParams"`
	RequestAuth           *struct {
		CSRF *struct {
			TokenEndpointURL string `json:"tokenEndpointURL"`
		} `json:"csrf"`
	} `json:"requestAuth"`
}

type agentBundle struct {
	ID                             string                `json:"id"`
	Name                           string                `json:"name"`
	Description                    *string               `json:"description"`
	InstanceAuthRequestInputSchema *string               `json:"instanceAuthRequestInputSchema"`
	APIDefinitions                 page[agentDefinition] `json:"apiDefinitions"`
	EventDefinitions               page[agentDefinition] `json:"eventDefinitions"`
	DefaultInstanceAuth            *agentAuth            `json:"defaultInstanceAuth"`
}

type agentApplication struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	ProviderName *string        `json:"providerName"`
	Description  *string        `json:"description"`
	Labels       map[string]any `json:"labels"`
	Auths        []struct {
		ID string `json:"id"`
	} `json:"auths"`
	Bundles page[agentBundle] `json:"bundles"`
}

type agentAnswer struct {
	Runtime struct {
		Labels map[string]any `json:"labels"`
	} `json:"runtime"`
	ApplicationsForRuntime page[agentApplication] `json:"applicationsForRuntime"`
}

var agentQuery = `query {
	runtime(id: %[1]q) {
		labels
	}
	applicationsForRuntime(runtimeID: %[1]q) {
		` + pageOf(`id name providerName description labels auths {id} bundles { `+pageOf(`id name description
			instanceAuthRequestInputSchema
			apiDefinitions { `+pageOf(`id name description targetURL group version {`+versionSelection+`}`)+` }
			eventDefinitions { `+pageOf(`id name description group version {`+versionSelection+`}`)+` }
			defaultInstanceAuth { credential {
				... on BasicCredentialData { username password }
				... on OAuthCredentialData { clientId clientSecret url }
			} additionalHeaders additionalQueryParams requestAuth { csrf { tokenEndpointURL } } }`)+` }`) + `
	}
}`

// agent is the life of a runtime's agent: it connects with a key of 4096 bits, fetches what the runtime shall know, labels
// the runtime, renews when it is time, and sees that a formation changes.
func agent(w world) error {
	admin := w.administrator(w.adminKey)
	own, err := registerRuntime(admin, `name: "go-agent-aBcD", description: "of an agent", labels: {placeholder: ["placeholder"]}`)
	if err != nil {
		return err
	}
	known, err := prepare(w, admin, own.ID)
	if err != nil {
		return err
	}
	token, err := tokenFor(admin, "Runtime", own.ID)
	if err != nil {
		return err
	}
	held, told, err := connect(w, token)
	if err != nil {
		return err
	}
	did("connected with a key of 4096 bits")
	director := newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.DirectorURL, "Tenant", w.tenant)
	if err := synchronize(director, own.ID, known); err != nil {
		return err
	}
	// It renews where less is left than a part of the whole; here always, and then goes on with the new certificate.
	left, whole := time.Until(held.chain[0].NotAfter), held.chain[0].NotAfter.Sub(held.chain[0].NotBefore)
	if left > whole || whole < 24*time.Hour {
		return fmt.Errorf("%s are left of %s", left, whole)
	}
	secured := newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.CertificateSecuredConnectorURL)
	renewed, err := obtain(secured, told, 4096)
	if err != nil {
		return err
	}
	did("renewed")
	director = newGraphQL(w.client(renewed.tls()), told.ManagementPlaneInfo.DirectorURL, "Tenant", w.tenant)
	return changes(w, admin, director, own.ID, known)
}

// prepare registers an application with a certificate that shares a formation with the runtime: its id, and the common
// name of its certificate.
func prepare(w world, admin graphQL, runtime string) (known [2]string, err error) {
	seen, err := registerApplication(admin, `name: "go-agent-seen", providerName: "provider", description: "seen"`)
	if err != nil {
		return known, err
	}
	if _, err := registerApplication(admin, `name: "go-agent-unseen"`); err != nil {
		return known, err
	}
	if err := formationOf(admin, "create", "", "go-agent"); err != nil {
		return known, err
	}
	for kind, id := range map[string]string{"APPLICATION": seen.ID, "RUNTIME": runtime} {
		arguments := fmt.Sprintf("objectID: %q, objectType: %s, ", id, kind)
		if err := formationOf(admin, "assign", arguments, "go-agent"); err != nil {
			return known, err
		}
	}
	token, err := tokenFor(admin, "Application", seen.ID)
	if err != nil {
		return known, err
	}
	_, told, err := connect(w, token)
	return [2]string{seen.ID, subject(told.CertificateSigningRequestInfo.Subject).CommonName}, err
}

// connect goes from the token to a certificate.
func connect(w world, token minted) (held identity, told configuration, err error) {
	connector := newGraphQL(w.client(), token.ConnectorURL, "Connector-Token", token.Token)
	if err := connector.result(configurationQuery, &told); err != nil {
		return held, told, err
	}
	connector = newGraphQL(w.client(), token.ConnectorURL, "Connector-Token", told.Token.Token)
	held, err = obtain(connector, told, 4096)
	return held, told, err
}

// synchronize fetches the runtime's applications and labels the runtime.
func synchronize(director graphQL, runtime string, known [2]string) error {
	answer, err := applications(director, runtime)
	if err != nil {
		return err
	}
	page := answer.ApplicationsForRuntime
	if page.TotalCount != 1 || len(page.Data) != 1 || page.PageInfo != (pageInfo{}) {
		return fmt.Errorf("applications %+v", page)
	}
	found := page.Data[0]
	if found.ID != known[0] || len(found.Auths) != 1 || found.Auths[0].ID != known[1] || *found.ProviderName != "provider" {
		return fmt.Errorf("application %+v", found)
	}
	if answer.Runtime.Labels["isNormalized"] != "true" {
		return fmt.Errorf("labels %v", answer.Runtime.Labels)
	}
	for key, value := range map[string]string{
		"runtime_eventServiceUrl": "https://events.example", "runtime_consoleUrl": "https://console.example",
	} {
		if err := setLabel(director, "Runtime", runtime, key, value); err != nil {
			return err
		}
	}
	if answer, err = applications(director, runtime); err != nil {
		return err
	}
	if answer.Runtime.Labels["runtime_consoleUrl"] != "https://console.example" {
		return fmt.Errorf("labels %v", answer.Runtime.Labels)
	}
	did("fetched its applications and set its labels")
	return nil
}

func applications(director graphQL, runtime string) (answer agentAnswer, err error) {
	err = director.run(fmt.Sprintf(agentQuery, runtime), &answer)
	return answer, err
}

// changes sees that the application is away once it is unassigned, and what the end of the runtime means to its agent.
func changes(w world, admin, director graphQL, runtime string, known [2]string) error {
	unregister := fmt.Sprintf("mutation { unregisterApplication(id: %q) { id } }", known[0])
	if err := admin.refused(unregister, ""); err != nil {
		return fmt.Errorf("unregistering what is assigned: %w", err)
	}
	if err := formationOf(admin, "unassign", fmt.Sprintf("objectID: %q, objectType: APPLICATION, ", known[0]), "go-agent"); err != nil {
		return err
	}
	answer, err := applications(director, runtime)
	if err != nil {
		return err
	}
	if answer.ApplicationsForRuntime.TotalCount != 0 || answer.ApplicationsForRuntime.Data == nil {
		return errors.New("the application is still there, or its list is null")
	}
	did("the application that was unassigned is gone")
	var ended unregisteredRuntime
	if err := admin.run(fmt.Sprintf("mutation { unregisterRuntime(id: %q) { %s } }", runtime, runtimeSelection), &ended); err != nil {
		return err
	}
	if err := director.refused(fmt.Sprintf(agentQuery, runtime), "certificate"); err != nil {
		return err
	}
	did("unregistered, and its certificates with it")
	return first(admin.run(unregister, nil), formationOf(admin, "delete", "", "go-agent"))
}

type unregisteredRuntime struct {
	UnregisterRuntime runtime `json:"unregisterRuntime"`
}
