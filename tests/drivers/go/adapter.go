package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const forbidden = "invalid token or certificate"

type csrInfo struct {
	CSRURL string `json:"csrUrl"`
	API    struct {
		EventsInfoURL   string `json:"eventsInfoUrl"`
		EventsURL       string `json:"eventsUrl"`
		MetadataURL     string `json:"metadataUrl"`
		InfoURL         string `json:"infoUrl"`
		CertificatesURL string `json:"certificatesUrl"`
	} `json:"api"`
	Certificate certInfo `json:"certificate"`
}

type certInfo struct {
	Subject      string `json:"subject"`
	Extensions   string `json:"extensions"`
	KeyAlgorithm string `json:"key-algorithm"`
}

type managementInfo struct {
	ClientIdentity struct {
		Application string `json:"application"`
	} `json:"clientIdentity"`
	URLs struct {
		EventsInfoURL string `json:"eventsInfoUrl"`
		EventsURL     string `json:"eventsUrl"`
		MetadataURL   string `json:"metadataUrl"`
		RenewCertURL  string `json:"renewCertUrl"`
		RevokeCertURL string `json:"revokeCertUrl"`
	} `json:"urls"`
	Certificate certInfo `json:"certificate"`
}

type crtResponse struct {
	CRTChain  string `json:"crt"`
	ClientCRT string `json:"clientCrt"`
	CaCRT     string `json:"caCrt"`
}

// call sends a request as the Go callers of the adapter do, without a Content-Type, and wants this status.
func call(client *http.Client, method, url string, body any, want int, into any) error {
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, url, sent)
	if err != nil {
		return err
	}
	got, err := client.Do(request)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if got.StatusCode != want {
		return fmt.Errorf("%s: status %d instead of %d: %s", method, got.StatusCode, want, content)
	}
	if into == nil {
		if len(content) > 0 {
			return fmt.Errorf("%s: a body where none was expected: %s", method, content)
		}
		return nil
	}
	if given := got.Header.Get("Content-Type"); given != "application/json;charset=UTF-8" {
		return fmt.Errorf("%s: Content-Type %s", method, given)
	}
	return decode(content, into)
}

// failed sends a request that has to fail with this status, and this in the text.
func failed(client *http.Client, method, url string, body any, status int, text string) error {
	var refusal struct {
		Code  int    `json:"code"`
		Error string `json:"error"`
	}
	if err := call(client, method, url, body, status, &refusal); err != nil {
		return err
	}
	if refusal.Code != status || !strings.Contains(refusal.Error, text) || (text == forbidden && refusal.Error != text) {
		return fmt.Errorf("%q instead of %q", refusal.Error, text)
	}
	return nil
}

type csrBody struct {
	CSR string `json:"csr"`
}

func legacyRequest(key crypto.Signer, subjectText string) (csrBody, error) {
	made, err := request(key, subject(subjectText))
	return csrBody{base64.StdEncoding.EncodeToString(made)}, err
}

// adapter is the life of a legacy application, with each of the names and labels on which its URLs depend.
func adapter(w world) error {
	admin := w.administrator(w.adminKey)
	owner, err := registerApplication(admin, `name: "Go Adapter", labels: {legacy: true}`)
	if err != nil {
		return err
	}
	if err := suggestions(w, owner.ID); err != nil {
		return err
	}
	token, err := tokenFor(admin, "Application", owner.ID)
	if err != nil {
		return err
	}
	anonymous := w.client()
	var info csrInfo
	if err := call(anonymous, "GET", token.LegacyConnectorURL, nil, 200, &info); err != nil {
		return err
	}
	if err := failed(anonymous, "GET", token.LegacyConnectorURL, nil, 403, forbidden); err != nil {
		return fmt.Errorf("the spent token: %w", err)
	}
	if info.API.MetadataURL != w.mtls+"/mp-go-adapter/v1/metadata/services" || info.API.EventsURL != "" || info.Certificate.Extensions != "" {
		return fmt.Errorf("information %+v", info.API)
	}
	if err := withoutToken(w, anonymous, info); err != nil {
		return err
	}
	did("the information, and the token is spent")
	held, err := issue(anonymous, info)
	if err != nil {
		return err
	}
	did("a certificate; bad CSRs are refused in the original's words")
	return legacyLife(w, admin, owner.ID, held, info)
}

// suggestions asks for tokens with the header: the form depends on the label legacy.
func suggestions(w world, id string) error {
	asking := w.administrator(w.adminKey)
	asking.header["suggest_token"] = []string{"true"} // as it is, not in Go's canonical case
	legacy, err := tokenFor(asking, "Application", id)
	if err != nil {
		return err
	}
	other, err := registerApplication(asking, `name: "go-adapter-suggested"`)
	if err != nil {
		return err
	}
	usual, err := tokenFor(asking, "Application", other.ID)
	if err != nil {
		return err
	}
	if legacy.Token != legacy.LegacyConnectorURL || usual.Token != usual.RawEncoded {
		return fmt.Errorf("the suggested tokens are others")
	}
	var raw struct{ Token string }
	if err := json.Unmarshal([]byte(usual.Raw), &raw); err != nil {
		return err
	}
	if _, found, _ := strings.Cut(usual.LegacyConnectorURL, "token="); found != raw.Token {
		return fmt.Errorf("the URL's token is not that of raw")
	}
	did("suggested tokens")
	return nil
}

// withoutToken calls with no token, and with a wrong one.
func withoutToken(w world, anonymous *http.Client, info csrInfo) error {
	for _, url := range []string{
		w.public + "/v1/applications/signingRequests/info", w.public + "/v1/applications/signingRequests/info?token=wrong",
	} {
		if err := failed(anonymous, "GET", url, nil, 403, forbidden); err != nil {
			return err
		}
	}
	for _, url := range []string{info.API.CertificatesURL, info.API.CertificatesURL + "?token=wrong"} {
		if err := failed(anonymous, "POST", url, csrBody{"d3Jvbmc="}, 403, forbidden); err != nil {
			return err
		}
	}
	return nil
}

func issue(anonymous *http.Client, info csrInfo) (identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return identity{}, err
	}
	if err := failed(anonymous, "POST", info.CSRURL, csrBody{"wrong-csr"}, 400, "Error while parsing base64 content"); err != nil {
		return identity{}, err
	}
	for from, text := range map[string]string{
		",CN=": "common name", ",C=": "country", "O=": "organization", ",OU=": "organizational unit", ",L=": "locality", ",ST=": "province",
	} {
		body, err := legacyRequest(key, strings.Replace(info.Certificate.Subject, from, from+"X", 1))
		if err != nil {
			return identity{}, err
		}
		if err := failed(anonymous, "POST", info.CSRURL, body, 400, "CSR: Invalid "+text+" provided."); err != nil {
			return identity{}, err
		}
	}
	return legacySign(anonymous, info.CSRURL, info.Certificate.Subject)
}

func legacySign(client *http.Client, url, subjectText string) (identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return identity{}, err
	}
	body, err := legacyRequest(key, subjectText)
	if err != nil {
		return identity{}, err
	}
	var signed crtResponse
	if err := call(client, "POST", url, body, 201, &signed); err != nil {
		return identity{}, err
	}
	var told configuration
	told.CertificateSigningRequestInfo.Subject = subjectText
	chain, err := check(signed.CRTChain, signed.ClientCRT, signed.CaCRT, key, told)
	return identity{key, chain}, err
}

// legacyLife is what follows by certificate.
func legacyLife(w world, admin graphQL, id string, held identity, info csrInfo) error {
	holder := w.client(held.tls())
	for label, want := range map[string]string{"true": "mp-go-adapter", "false": "Go%20Adapter"} {
		if err := eventsOf(w, admin, id, holder, info, label, want); err != nil {
			return err
		}
	}
	managed, err := withoutLabel(admin, id, holder, info)
	if err != nil {
		return err
	}
	did("the management information follows the labels")
	renewed, err := legacySign(holder, managed.URLs.RenewCertURL, managed.Certificate.Subject)
	if err != nil {
		return fmt.Errorf("renewal: %w", err)
	}
	if err := call(holder, "POST", managed.URLs.RevokeCertURL, nil, 201, nil); err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	body, err := legacyRequest(held.key, managed.Certificate.Subject)
	if err != nil {
		return err
	}
	if err := failed(holder, "POST", managed.URLs.RenewCertURL, body, 403, forbidden); err != nil {
		return err
	}
	if err := failed(holder, "GET", info.API.InfoURL, nil, 403, forbidden); err != nil {
		return err
	}
	did("renewed, and the former certificate revoked")
	return call(w.client(renewed.tls()), "GET", info.API.InfoURL, nil, 200, &managed)
}

// withoutLabel deletes the label name: then the application's own name counts, which needs escapes in a URL.
func withoutLabel(admin graphQL, id string, holder *http.Client, info csrInfo) (managed managementInfo, err error) {
	var deleted map[string]any
	document := fmt.Sprintf("mutation { result: deleteApplicationLabel(applicationID: %q, key: \"name\") { key value } }", id)
	if err := admin.result(document, &deleted); err != nil {
		return managed, err
	}
	if err := call(holder, "GET", info.API.InfoURL, nil, 200, &managed); err != nil {
		return managed, err
	}
	metadata, err := url.Parse(managed.URLs.MetadataURL)
	if err != nil {
		return managed, err
	}
	if managed.ClientIdentity.Application != "Go Adapter" || metadata.Path != "/Go Adapter/v1/metadata/services" || managed.URLs.EventsURL != "" {
		return managed, fmt.Errorf("management information %+v", managed)
	}
	return managed, nil
}

// eventsOf assigns a runtime with this label isNormalized, and looks where the application's events go.
func eventsOf(w world, admin graphQL, id string, holder *http.Client, info csrInfo, isNormalized, want string) error {
	formation := "go-adapter-" + isNormalized
	own, err := registerRuntime(admin, fmt.Sprintf("name: %q", formation))
	if err != nil {
		return err
	}
	for key, value := range map[string]string{
		"isNormalized": isNormalized, "runtime_eventServiceUrl": "https://events.example", "runtime_consoleUrl": "https://console.example",
	} {
		if err := setLabel(admin, "Runtime", own.ID, key, value); err != nil {
			return err
		}
	}
	if err := setLabel(admin, "Application", id, "name", "Go-Adapter"); err != nil {
		return err
	}
	if err := formationOf(admin, "create", "", formation); err != nil {
		return err
	}
	pair := map[string]string{"APPLICATION": id, "RUNTIME": own.ID}
	for kind, object := range pair {
		if err := formationOf(admin, "assign", fmt.Sprintf("objectID: %q, objectType: %s, ", object, kind), formation); err != nil {
			return err
		}
	}
	document := fmt.Sprintf("mutation { result: setDefaultEventingForApplication(runtimeID: %q, appID: %q) { defaultURL } }", own.ID, id)
	var set eventing
	if err := admin.result(document, &set); err != nil {
		return err
	}
	var managed managementInfo
	if err := call(holder, "GET", info.API.InfoURL, nil, 200, &managed); err != nil {
		return err
	}
	events := "https://events.example/" + want + "/v1/events"
	if managed.URLs.EventsURL != events || managed.URLs.EventsInfoURL != events+"/subscribed" || set.DefaultURL != events {
		return fmt.Errorf("events go to %s, %s", managed.URLs.EventsURL, set.DefaultURL)
	}
	if managed.ClientIdentity.Application != "Go-Adapter" || managed.Certificate != info.Certificate {
		return fmt.Errorf("management information %+v", managed)
	}
	for kind, object := range pair {
		if err := formationOf(admin, "unassign", fmt.Sprintf("objectID: %q, objectType: %s, ", object, kind), formation); err != nil {
			return err
		}
	}
	return formationOf(admin, "delete", "", formation)
}
