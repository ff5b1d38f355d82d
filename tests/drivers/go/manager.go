package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What managers ask for. Not every one of these scopes exists here.
const managerScopes = "runtime:read runtime:write application:read application:write label_definition:read " +
	"label_definition:write health_checks:read eventing:manage webhook:write runtime.auths:read runtime.webhooks:read"

// manager registers runtimes: as an administrator with an API key, and as an integration system with client credentials.
func manager(w world) error {
	admin := w.administrator(w.adminKey)
	if err := manage(admin, "key"); err != nil {
		return fmt.Errorf("with an API key: %w", err)
	}
	var system struct {
		ID          string       `json:"id"`
		Name        string       `json:"name"`
		Description *string      `json:"description"`
		Auths       []systemAuth `json:"auths"`
	}
	document := "mutation { result: registerIntegrationSystem(in: {name: \"go-manager\"}) { id name description auths { id auth { " + authSelection + " } } } }"
	if err := admin.result(document, &system); err != nil {
		return err
	}
	var made systemAuth
	document = fmt.Sprintf("mutation { result: requestClientCredentialsForIntegrationSystem(id: %q) { id auth { %s } } }", system.ID, authSelection)
	if err := admin.result(document, &made); err != nil {
		return err
	}
	credential := made.Auth.Credential
	if credential["clientId"] != made.ID || credential["clientSecret"] == "" || credential["url"] == "" {
		return fmt.Errorf("credential with %d fields", len(credential))
	}
	access, err := w.accessToken(credential)
	if err != nil {
		return err
	}
	did("client credentials, and an access token for them")
	if err := manage(w.administrator(access), "credentials"); err != nil {
		return fmt.Errorf("with client credentials: %w", err)
	}
	return cutOff(w, admin, made.ID, access)
}

// accessToken asks for one as managers do: with HTTP Basic, scopes and a form.
func (w world) accessToken(credential map[string]string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {managerScopes}}
	sent, err := http.NewRequest(http.MethodPost, credential["url"], strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	sent.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sent.SetBasicAuth(credential["clientId"], credential["clientSecret"])
	got, err := w.client().Do(sent)
	if err != nil {
		return "", err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s, %v", got.StatusCode, content, err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		Expiration  int64  `json:"expires_in"`
		Type        string `json:"token_type"`
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return "", err
	}
	if answer.AccessToken == "" || answer.Expiration <= 0 || !strings.EqualFold(answer.Type, "bearer") {
		return "", fmt.Errorf("an access token of type %q for %d seconds", answer.Type, answer.Expiration)
	}
	return answer.AccessToken, nil
}

// manage registers, reads, updates, hands over and unregisters runtimes.
func manage(director graphQL, what string) error {
	names := map[string]string{} // by ids
	for len(names) < 10 {
		name := fmt.Sprintf("go-manager-%s-%s", what, letters(4))
		made, err := registerRuntime(director, fmt.Sprintf("name: %q, description: %q, labels: {gardenerClusterName: %q, broker_plan_id: %q}", name, "of a manager", "cluster", "plan"))
		if err != nil {
			return err
		}
		if made.Name != name || made.Labels["isNormalized"] != "true" || made.Labels["broker_plan_id"] != "plan" || made.Status.Condition != "INITIAL" {
			return fmt.Errorf("runtime %+v", made)
		}
		names[made.ID] = name
	}
	if err := listed(director, names); err != nil {
		return err
	}
	for id, name := range names {
		if err := one(director, id, name); err != nil {
			return err
		}
	}
	did("%d runtimes were registered, listed, read, updated, handed over and unregistered with an API %s", len(names), what)
	return nil
}

func letters(count int) string {
	const all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	text := make([]byte, count)
	for i := range text {
		text[i] = all[rand.Intn(len(all))]
	}
	return string(text)
}

// listed pages through all runtimes until the cursor is empty.
func listed(director graphQL, names map[string]string) error {
	seen, after := map[string]bool{}, ""
	for {
		var found page[runtime]
		document := fmt.Sprintf("query { result: runtimes(first: 3, after: %q) { %s } }", after, pageOf(runtimeSelection))
		if err := director.result(document, &found); err != nil {
			return err
		}
		for _, each := range found.Data {
			if seen[each.ID] {
				return fmt.Errorf("%s is there twice", each.ID)
			}
			seen[each.ID] = true
		}
		if found.PageInfo.StartCursor != after || found.PageInfo.HasNextPage != (found.PageInfo.EndCursor != "") {
			return fmt.Errorf("page %+v", found.PageInfo)
		}
		if after = found.PageInfo.EndCursor; after == "" {
			break
		}
	}
	for id, name := range names {
		if !seen[id] {
			return fmt.Errorf("%s is not listed", name)
		}
	}
	return nil
}

func one(director graphQL, id, name string) error {
	read := fmt.Sprintf("query { result: runtime(id: %q) { %s } }", id, runtimeSelection)
	var found, updated runtime
	if err := director.result(read, &found); err != nil || found.Name != name {
		return fmt.Errorf("runtime %+v, %w", found, err)
	}
	update := fmt.Sprintf("mutation { result: updateRuntime(id: %q, in: {name: %q, description: %q, labels: {broker_plan_id: %q}, statusCondition: CONNECTED}) { %s } }",
		id, name, "changed", "other", runtimeSelection)
	if err := director.result(update, &updated); err != nil {
		return err
	}
	if *updated.Description != "changed" || updated.Labels["isNormalized"] != "true" || updated.Labels["broker_plan_id"] != "other" {
		return fmt.Errorf("updated %+v", updated)
	}
	for count := 1; count <= 3; count++ {
		if _, err := tokenFor(director, "Runtime", id); err != nil {
			return err
		}
		var found runtime
		if err := director.result(read, &found); err != nil {
			return err
		}
		token := found.Auths[count-1].Auth.OneTimeToken
		if len(found.Auths) != count || token.Typename != "OneTimeTokenForRuntime" || token.Used {
			return fmt.Errorf("%d auths, %+v", len(found.Auths), token)
		}
	}
	unregister := fmt.Sprintf("mutation { unregisterRuntime(id: %q) { %s } }", id, runtimeSelection)
	if err := director.run(unregister, &unregisteredRuntime{}); err != nil {
		return err
	}
	var none *runtime
	return first(director.refused(unregister, "not found"), absent(director.result(read, &none), none))
}

// absent allows for both: an error, or null. Managers take either for "there is none".
func absent(err error, found *runtime) error {
	if err == nil && found != nil {
		return fmt.Errorf("%s is still there", found.ID)
	}
	return nil
}

// cutOff deletes the client's system auth, without a tenant, and sees that its access token is worth nothing any more.
func cutOff(w world, admin graphQL, id, access string) error {
	director := w.administrator(access)
	var viewer struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	if err := director.result("query { result: viewer { id type } }", &viewer); err != nil || viewer.Type != "INTEGRATION_SYSTEM" {
		return fmt.Errorf("viewer %+v, %v", viewer, err)
	}
	for _, kind := range []string{"Application", "Runtime"} {
		if err := admin.refused(fmt.Sprintf("mutation { result: deleteSystemAuthFor%s(authID: %q) { id } }", kind, id), ""); err != nil {
			return err
		}
	}
	nowhere := newGraphQL(w.client(), w.public+"/director/graphql", "Authorization", "Bearer "+w.adminKey, "Tenant", "")
	var deleted systemAuth
	document := fmt.Sprintf("mutation { result: deleteSystemAuthForIntegrationSystem(authID: %q) { id auth { %s } } }", id, authSelection)
	if err := nowhere.result(document, &deleted); err != nil || deleted.ID != id {
		return fmt.Errorf("deleted %q, %v", deleted.ID, err)
	}
	for try := 0; try < 3; try++ {
		if err := director.refused("query { result: viewer { id type } }", ""); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := admin.run(fmt.Sprintf("mutation { unregisterIntegrationSystem(id: %q) { id } }", viewer.ID), nil); err != nil {
		return err
	}
	did("the client is deleted, and its access token worthless")
	return nil
}
