package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
)

// session is what a gateway hands to a resolver, and what it reads of the answer.
type session struct {
	Subject string         `json:"subject"`
	Extra   map[string]any `json:"extra"`
	Header  http.Header    `json:"header"`
}

// resolver is what Compass's gateway asks about a token and about a certificate, on the internal address.
func resolver(w world) error {
	admin := w.administrator(w.adminKey)
	owner, err := registerApplication(admin, `name: "go-resolver"`)
	if err != nil {
		return err
	}
	token, err := tokenFor(admin, "Application", owner.ID)
	if err != nil {
		return err
	}
	auth, err := byToken(token)
	if err != nil {
		return err
	}
	spent := newGraphQL(w.client(), token.ConnectorURL, "Connector-Token", token.Token)
	if err := spent.refused(configurationQuery, "token"); err != nil {
		return fmt.Errorf("a resolved token: %w", err)
	}
	var found application
	if err := admin.result(fmt.Sprintf("query { result: application(id: %q) { %s } }", owner.ID, applicationSelection), &found); err != nil {
		return err
	}
	if len(found.Auths) != 1 || found.Auths[0].ID != auth || !found.Auths[0].Auth.OneTimeToken.Used {
		return fmt.Errorf("system auth %s, %+v", auth, found.Auths)
	}
	did("a token is resolved once, and is then used")

	if token, err = tokenFor(admin, "Application", owner.ID); err != nil {
		return err
	}
	held, told, err := connect(w, token)
	if err != nil {
		return err
	}
	return byCertificate(w, owner.ID, held, told)
}

// resolve hands a session to the resolver with this header.
func resolve(path, name, value string, given session) (answer session, err error) {
	body, err := json.Marshal(given)
	if err != nil {
		return answer, err
	}
	sent, err := http.NewRequest(http.MethodPost, os.Getenv("INTERNAL")+"/hydrators"+path, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	if name != "" {
		sent.Header.Set(name, value)
	}
	got, err := http.DefaultClient.Do(sent)
	if err != nil {
		return answer, err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%s: status %d: %s, %v", path, got.StatusCode, content, err)
	}
	err = json.Unmarshal(content, &answer)
	return answer, err
}

// byToken resolves the token twice: the first time to its system auth, the second time to nothing.
func byToken(token minted) (string, error) {
	first, err := resolve("/v1/tokens/resolve", "Connector-Token", token.Token, session{})
	if err != nil {
		return "", err
	}
	second, err := resolve("/v1/tokens/resolve", "Connector-Token", token.Token, session{})
	if err != nil {
		return "", err
	}
	if !reflect.DeepEqual(second, session{}) || first.Header.Get("Client-Id-From-Token") == "" {
		return "", fmt.Errorf("the token was resolved to %+v, and then to %+v", first, second)
	}
	return first.Header.Get("Client-Id-From-Token"), nil
}

// byCertificate resolves a certificate as Envoy forwards it, and then its tenant; and nothing once it is revoked.
func byCertificate(w world, owner string, held identity, told configuration) error {
	hash := sha256.Sum256(held.chain[0].Raw)
	name := told.CertificateSigningRequestInfo.Subject
	data := fmt.Sprintf(`By=spiffe://cluster.local/ns/kyma-system/sa/default;Hash=%s;Subject="%s";URI=`, hex.EncodeToString(hash[:]), name)
	found, err := resolve("/v1/certificate/data/resolve", "Certificate-Data", data, session{})
	if err != nil {
		return err
	}
	if found.Header.Get("Client-Id-From-Certificate") != subject(name).CommonName ||
		found.Header.Get("Client-Certificate-Hash") != hex.EncodeToString(hash[:]) ||
		!strings.Contains(found.Header.Get("Subject-From-Certificate"), "CN="+subject(name).CommonName) ||
		found.Header.Get("Client-Certificate-Issuer") != "connector" || found.Extra == nil {
		return fmt.Errorf("session %+v", found)
	}
	mapped, err := resolve("/tenant-mapping", "", "", found)
	if err != nil {
		return err
	}
	tenants, _ := mapped.Extra["tenant"].(string)
	if mapped.Extra["consumerID"] != owner || mapped.Extra["consumerType"] != "Application" || mapped.Extra["flow"] != "Certificate" ||
		!strings.Contains(tenants, `\"externalTenant\":\"`+w.tenant+`\"`) {
		return fmt.Errorf("tenant mapping %+v", mapped.Extra)
	}
	did("a certificate is resolved, and its tenant")

	var gone bool
	secured := newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.CertificateSecuredConnectorURL)
	if err := secured.result(revokeQuery, &gone); err != nil || !gone {
		return fmt.Errorf("revocation: %v, %v", gone, err)
	}
	if found, err = resolve("/v1/certificate/data/resolve", "Certificate-Data", data, session{}); err != nil || !reflect.DeepEqual(found, session{}) {
		return fmt.Errorf("revoked, and resolved to %+v, %v", found, err)
	}
	did("a revoked certificate is resolved to nothing")
	return nil
}
