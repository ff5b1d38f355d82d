package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// library is the life of a system that uses Compass's client library: token, configuration, CSR, certificate, the
// configuration by certificate, renewal, revocation.
func library(w world) error {
	admin := w.administrator(w.adminKey)
	owner, err := registerApplication(admin, `name: "go-library"`)
	if err != nil {
		return err
	}
	token, err := tokenFor(admin, "Application", owner.ID)
	if err != nil {
		return err
	}
	if err := checkForms(token); err != nil {
		return err
	}
	did("a token")

	first := newGraphQL(w.client(), token.ConnectorURL, "Connector-Token", token.Token)
	var told configuration
	if err := first.result(configurationQuery, &told); err != nil {
		return err
	}
	if told.CertificateSigningRequestInfo.KeyAlgorithm != "rsa2048" || told.Token.Token == token.Token {
		return fmt.Errorf("configuration %+v", told.CertificateSigningRequestInfo)
	}
	if err := first.refused(configurationQuery, "token"); err != nil {
		return fmt.Errorf("the spent token: %w", err)
	}
	if err := handedOver(w, admin, owner.ID); err != nil {
		return err
	}
	did("the configuration, and the token is spent")

	held, err := enroll(w, token.ConnectorURL, told)
	if err != nil {
		return err
	}
	did("a certificate")
	return life(w, admin, owner.ID, held, told)
}

// handedOver looks at how tokens are listed: each request makes a system auth, but for one that names a system auth.
func handedOver(w world, admin graphQL, owner string) error {
	if _, err := tokenFor(admin, "Application", owner); err != nil {
		return err
	}
	var found application
	document := fmt.Sprintf("query {\n\t\tresult: application(id: %q) {\n\t\t\t%s\n\t\t}\n\t}", owner, applicationSelection)
	if err := admin.result(document, &found); err != nil {
		return err
	}
	if len(found.Auths) != 2 {
		return fmt.Errorf("%d auths", len(found.Auths))
	}
	for _, each := range found.Auths {
		// The spent token's place was taken by the next one.
		if token := each.Auth.OneTimeToken; token == nil || token.Typename != "OneTimeTokenForApplication" || token.Used {
			return fmt.Errorf("token %+v", token)
		}
	}
	var again minted
	second := found.Auths[1].ID
	request := fmt.Sprintf("mutation { result: requestOneTimeTokenForApplication(id: \"\", systemAuthID: %q) { token connectorURL raw rawEncoded legacyConnectorURL } }", second)
	if err := admin.result(request, &again); err != nil {
		return err
	}
	var told configuration
	if err := newGraphQL(w.client(), again.ConnectorURL, "Connector-Token", again.Token).result(configurationQuery, &told); err != nil {
		return err
	}
	if name := subject(told.CertificateSigningRequestInfo.Subject).CommonName; name != second {
		return fmt.Errorf("the common name is %s, the system auth %s", name, second)
	}
	var deleted systemAuth
	request = fmt.Sprintf("mutation { result: deleteSystemAuthForApplication(authID: %q) { id auth { %s } } }", second, authSelection)
	if err := admin.result(request, &deleted); err != nil || deleted.ID != second {
		return fmt.Errorf("deleted %q, %v", deleted.ID, err)
	}
	next := newGraphQL(w.client(), again.ConnectorURL, "Connector-Token", told.Token.Token)
	return next.refused(configurationQuery, "token")
}

// checkForms looks at the token's forms: each carries the same secret.
func checkForms(token minted) error {
	var raw struct {
		Token, ConnectorURL, Type string
		Used                      bool
		ExpiresAt, CreatedAt      timestamp
		UsedAt                    *timestamp
		ScenarioGroups            []string `json:"scenario_groups"`
	}
	decoded, err := base64.StdEncoding.DecodeString(token.RawEncoded)
	if err != nil {
		return err
	}
	if string(decoded) != token.Raw {
		return fmt.Errorf("rawEncoded is not raw")
	}
	if err := json.Unmarshal(decoded, &raw); err != nil {
		return err
	}
	if raw.Token != token.Token || raw.ConnectorURL != token.ConnectorURL || raw.Type != "Application" || raw.Used {
		return fmt.Errorf("raw is of another token, or used")
	}
	if !strings.Contains(token.LegacyConnectorURL, "token="+token.Token) {
		return fmt.Errorf("the legacy URL has not the token as it is")
	}
	return nil
}

// enroll sends CSRs that have to be refused, each with the original's words, and then a good one, for one token.
func enroll(w world, url string, told configuration) (identity, error) {
	connector := newGraphQL(w.client(), url, "Connector-Token", told.Token.Token)
	if err := connector.refused(signQuery("wrong-csr"), "Error while parsing base64 content. Incorrect value provided."); err != nil {
		return identity{}, err
	}
	if err := connector.refused(signQuery("wrongCSR"), "Error while decoding pem block."); err != nil {
		return identity{}, err
	}
	changed := told
	for from, text := range map[string]string{
		",CN=": "CSR: Invalid common name provided.",
		",C=":  "CSR: Invalid country provided.",
		"O=":   "CSR: Invalid organization provided.",
		",OU=": "CSR: Invalid organizational unit provided.",
		",L=":  "CSR: Invalid locality provided.",
		",ST=": "CSR: Invalid province provided.",
	} {
		changed.CertificateSigningRequestInfo.Subject = strings.Replace(told.CertificateSigningRequestInfo.Subject, from, from+"X", 1)
		_, err := obtain(connector, changed, 2048)
		if err == nil || !strings.Contains(err.Error(), text) {
			return identity{}, fmt.Errorf("%v instead of %s", err, text)
		}
	}
	did("bad CSRs are refused in the original's words")
	return obtain(connector, told, 2048)
}

// life is what follows by certificate.
func life(w world, admin graphQL, owner string, held identity, told configuration) error {
	secured := newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.CertificateSecuredConnectorURL)
	var again configuration
	if err := secured.result(configurationQuery, &again); err != nil {
		return err
	}
	if again.ManagementPlaneInfo != told.ManagementPlaneInfo || again.CertificateSigningRequestInfo != told.CertificateSigningRequestInfo {
		return fmt.Errorf("by certificate %+v, by token %+v", again, told)
	}
	director := newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.DirectorURL)
	var viewer struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Typename string `json:"__typename"`
	}
	if err := director.result("query { result: viewer { id type __typename } }", &viewer); err != nil {
		return err
	}
	if viewer.ID != owner || viewer.Type != "APPLICATION" {
		return fmt.Errorf("viewer %+v", viewer)
	}
	renewed, err := obtain(secured, again, 2048)
	if err != nil {
		return fmt.Errorf("renewal: %w", err)
	}
	did("configuration, viewer and renewal by certificate")

	var gone bool
	if err := secured.result(revokeQuery, &gone); err != nil || !gone {
		return fmt.Errorf("revocation: %v, %v", gone, err)
	}
	for _, query := range []string{configurationQuery, revokeQuery} {
		if err := secured.refused(query, "certificate"); err != nil {
			return fmt.Errorf("after the revocation: %w", err)
		}
	}
	if err := director.refused("query { result: viewer { id type } }", "certificate"); err != nil {
		return fmt.Errorf("after the revocation: %w", err)
	}
	// The other certificate of the same system auth is as good as before.
	other := newGraphQL(w.client(renewed.tls()), told.ManagementPlaneInfo.CertificateSecuredConnectorURL)
	if err := other.result(configurationQuery, &again); err != nil {
		return err
	}
	did("the revoked certificate is refused, the renewed one is not")
	return unregistered(w, admin, owner, other)
}

// unregistered ends the application, as the tests clean up, and with it its certificates.
func unregistered(w world, admin graphQL, owner string, holder graphQL) error {
	var ended struct {
		UnregisterApplication application `json:"unregisterApplication"`
	}
	document := fmt.Sprintf("mutation { unregisterApplication(id: %q) { %s } }", owner, applicationSelection)
	if err := admin.run(document, &ended); err != nil {
		return err
	}
	if err := admin.refused(document, "not found"); err != nil {
		return err
	}
	if err := holder.refused(configurationQuery, "certificate"); err != nil {
		return fmt.Errorf("after unregistering: %w", err)
	}
	did("unregistered, and its certificates with it")
	return nil
}
