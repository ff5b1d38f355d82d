package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
)

// What the callers of the adapter send and read at metadataUrl.

type service struct {
	ID          string            `json:"id"`
	Provider    string            `json:"provider"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Identifier  string            `json:"identifier,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

type serviceDetails struct {
	Provider         string            `json:"provider"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	ShortDescription string            `json:"shortDescription,omitempty"`
	Identifier       string            `json:"identifier,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	API              *serviceAPI       `json:"api,omitempty"`
	Events           *serviceEvents    `json:"events,omitempty"`
	Documentation    *documentation    `json:"documentation,omitempty"`
}

type serviceAPI struct {
	TargetURL         string             `json:"targetUrl"`
	Credentials       *credentials       `json:"credentials,omitempty"`
	Spec              json.RawMessage    `json:"spec,omitempty"`
	RequestParameters *requestParameters `json:"requestParameters,omitempty"`
}

type credentials struct {
	OAuth *oauth `json:"oauth,omitempty"`
	Basic *basic `json:"basic,omitempty"`
}

type oauth struct {
	URL          string    `json:"url"`
	ClientID     string    `json:"clientId"`
	ClientSecret string    `json:"clientSecret"`
	CSRFInfo     *csrfInfo `json:"csrfInfo,omitempty"`
}

type basic struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type csrfInfo struct {
	TokenEndpointURL string `json:"tokenEndpointURL"`
}

type requestParameters struct {
	Headers         map[string][]string `json:"headers,omitempty"`
	QueryParameters map[string][]string `json:"queryParameters,omitempty"`
}

type serviceEvents struct {
	Spec json.RawMessage `json:"spec"`
}

type documentation struct {
	DisplayName string         `json:"displayName"`
	Description string         `json:"description"`
	Type        string         `json:"type"`
	Tags        []string       `json:"tags,omitempty"`
	Docs        []documentFile `json:"docs,omitempty"`
}

type documentFile struct {
	Title  string `json:"title"`
	Type   string `json:"type"`
	Source string `json:"source"`
}

var plainService = serviceDetails{Provider: "provider", Name: "plain", Description: "a plain service"}

var fullService = serviceDetails{
	Provider: "provider", Name: "full", Description: "a full service", ShortDescription: "full", Identifier: "full-1",
	Labels: map[string]string{"key": "value"},
	API: &serviceAPI{
		TargetURL: "https://target.example/api",
		Credentials: &credentials{OAuth: &oauth{
			URL: "https://target.example/token", ClientID: "client", ClientSecret: "secret", CSRFInfo: &csrfInfo{"https://target.example/csrf"},
		}},
		Spec:              json.RawMessage(`{"openapi":"3.0.0"}`),
		RequestParameters: &requestParameters{map[string][]string{"X-Header": {"one", "two"}}, map[string][]string{"parameter": {"value"}}},
	},
	Events: &serviceEvents{json.RawMessage(`{"asyncapi":"2.0.0"}`)},
	Documentation: &documentation{"documents", "of the service", "markdown", []string{"tag"},
		[]documentFile{{"title", "markdown", "# text"}}},
}

// catalogue is what an application does with its services, and what a runtime's agent reads of them.
func catalogue(w world) error {
	admin := w.administrator(w.adminKey)
	own, err := registerRuntime(admin, `name: "go-catalogue"`)
	if err != nil {
		return err
	}
	owner, err := registerApplication(admin, `name: "go-catalogue"`)
	if err != nil {
		return err
	}
	if err := formationOf(admin, "create", "", "go-catalogue"); err != nil {
		return err
	}
	for kind, id := range map[string]string{"APPLICATION": owner.ID, "RUNTIME": own.ID} {
		if err := formationOf(admin, "assign", fmt.Sprintf("objectID: %q, objectType: %s, ", id, kind), "go-catalogue"); err != nil {
			return err
		}
	}
	token, err := tokenFor(admin, "Application", owner.ID)
	if err != nil {
		return err
	}
	var info csrInfo
	if err := call(w.client(), "GET", token.LegacyConnectorURL, nil, 200, &info); err != nil {
		return err
	}
	held, err := legacySign(w.client(), info.CSRURL, info.Certificate.Subject)
	if err != nil {
		return err
	}
	holder := w.client(held.tls())
	id, err := publish(holder, info.API.MetadataURL)
	if err != nil {
		return err
	}
	did("services are published, listed, read, replaced and deleted")
	return readByAgent(w, admin, own.ID, id)
}

// publish goes through all that can be done with services, and leaves the full one: its id.
func publish(holder *http.Client, url string) (string, error) {
	listed := []service{}
	if err := call(holder, "GET", url, nil, 200, &listed); err != nil || len(listed) != 0 {
		return "", fmt.Errorf("%d services at first, %v", len(listed), err)
	}
	var ids []string
	for _, each := range []serviceDetails{plainService, fullService} {
		var made struct {
			ID string `json:"id"`
		}
		if err := call(holder, "POST", url, each, 200, &made); err != nil {
			return "", err
		}
		if err := same(holder, url+"/"+made.ID, each); err != nil {
			return "", err
		}
		ids = append(ids, made.ID)
	}
	if err := call(holder, "GET", url, nil, 200, &listed); err != nil || len(listed) != 2 {
		return "", fmt.Errorf("%d services, %v", len(listed), err)
	}
	changed := plainService
	changed.Description = "changed"
	changed.API = &serviceAPI{TargetURL: "https://other.example", Credentials: &credentials{Basic: &basic{"user", "password"}}}
	var put serviceDetails
	if err := call(holder, "PUT", url+"/"+ids[0], changed, 200, &put); err != nil {
		return "", err
	}
	if err := same(holder, url+"/"+ids[0], changed); err != nil {
		return "", err
	}
	if err := call(holder, "DELETE", url+"/"+ids[0], nil, 204, nil); err != nil {
		return "", err
	}
	if err := failed(holder, "GET", url+"/"+ids[0], nil, 404, ""); err != nil {
		return "", err
	}
	var left []service
	if err := call(holder, "GET", url, nil, 200, &left); err != nil || len(left) != 1 || left[0].ID != ids[1] {
		return "", fmt.Errorf("%d services are left, %v", len(left), err)
	}
	for _, bad := range []serviceDetails{{Provider: "p", Description: "d"}, {Provider: "p", Name: "n"}, {Name: "n", Description: "d"}} {
		if err := failed(holder, "POST", url, bad, 400, ""); err != nil {
			return "", err
		}
	}
	return ids[1], nil
}

// same reads the service: it is what was sent, but for the provider.
func same(holder *http.Client, url string, sent serviceDetails) error {
	var read serviceDetails
	if err := call(holder, "GET", url, nil, 200, &read); err != nil {
		return err
	}
	sent.Provider = ""
	if !reflect.DeepEqual(read, sent) {
		was, _ := json.Marshal(sent)
		is, _ := json.Marshal(read)
		return fmt.Errorf("sent %s, read %s", was, is)
	}
	return nil
}

// readByAgent fetches the applications as the runtime's agent does, with the service as a bundle.
func readByAgent(w world, admin graphQL, runtime, id string) error {
	token, err := tokenFor(admin, "Runtime", runtime)
	if err != nil {
		return err
	}
	held, told, err := connect(w, token)
	if err != nil {
		return err
	}
	answer, err := applications(newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.DirectorURL, "Tenant", w.tenant), runtime)
	if err != nil {
		return err
	}
	bundles := answer.ApplicationsForRuntime.Data[0].Bundles
	if bundles.TotalCount != 1 || bundles.Data[0].ID != id || bundles.Data[0].Name != fullService.Name {
		return fmt.Errorf("bundles %+v", bundles)
	}
	found := bundles.Data[0]
	if found.APIDefinitions.TotalCount != 1 || found.EventDefinitions.TotalCount != 1 || found.APIDefinitions.Data[0].TargetURL != fullService.API.TargetURL {
		return fmt.Errorf("bundle %+v", found)
	}
	auth := found.DefaultInstanceAuth
	want := map[string]string{"clientId": "client", "clientSecret": "secret", "url": "https://target.example/token"}
	if auth == nil || !reflect.DeepEqual(auth.Credential, want) || auth.RequestAuth.CSRF.TokenEndpointURL != "https://target.example/csrf" {
		return fmt.Errorf("the bundle's credential is another")
	}
	parameters := fullService.API.RequestParameters
	if !reflect.DeepEqual(auth.AdditionalHeaders, parameters.Headers) || !reflect.DeepEqual(auth.AdditionalQueryParams, parameters.QueryParameters) {
		return fmt.Errorf("the bundle's parameters are others")
	}
	did("the runtime's agent reads the service as a bundle, with its credential")
	return nil
}
