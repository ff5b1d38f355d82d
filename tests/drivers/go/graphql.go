package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// graphQL calls as machinebox/graphql does: the body has two keys, the HTTP status is looked at only where the body is no
// JSON, and of errors only the first message counts.
type graphQL struct {
	url    string
	http   *http.Client
	header http.Header
}

func newGraphQL(client *http.Client, url string, headers ...string) graphQL {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return graphQL{url, client, header}
}

type gqlError struct {
	Message string
}

func (e gqlError) Error() string { return "graphql: " + e.Message }

// run decodes data into response, exactly: see decode.
func (g graphQL) run(query string, response any) error {
	var body bytes.Buffer
	request := struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}{Query: query}
	if err := json.NewEncoder(&body).Encode(request); err != nil {
		return err
	}
	sent, err := http.NewRequest(http.MethodPost, g.url, &body)
	if err != nil {
		return err
	}
	sent.Header.Set("Content-Type", "application/json; charset=utf-8")
	sent.Header.Set("Accept", "application/json; charset=utf-8")
	for name, values := range g.header {
		sent.Header[name] = values
	}
	got, err := g.http.Do(sent)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil {
		return fmt.Errorf("reading body: %w", err)
	}
	var answer struct {
		Data   json.RawMessage
		Errors []gqlError
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return fmt.Errorf("decoding response (status %d): %w", got.StatusCode, err)
	}
	if len(answer.Errors) > 0 {
		return answer.Errors[0]
	}
	if response == nil {
		return nil
	}
	return decode(answer.Data, response)
}

// result is run for a document whose root field is called result.
func (g graphQL) result(query string, response any) error {
	var data map[string]json.RawMessage
	if err := g.run(query, &data); err != nil {
		return err
	}
	if len(data) != 1 || data["result"] == nil {
		return fmt.Errorf("no result alone in %v", data)
	}
	return decode(data["result"], response)
}

// refused returns nil if the query is refused with this in the message.
func (g graphQL) refused(query, text string) error {
	err := g.run(query, nil)
	var refusal gqlError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("not refused: %v", err)
	}
	if !strings.Contains(strings.ToLower(refusal.Message), strings.ToLower(text)) {
		return fmt.Errorf("%q is not in %q", text, refusal.Message)
	}
	return nil
}

// decode wants all that the type has and nothing else: encoded again, the value must be what came. So a field that is
// missing, one of another type, and a null where the type has none are all found.
func decode(content json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w in %.300s", err, content)
	}
	again, err := json.Marshal(into)
	if err != nil {
		return err
	}
	var came, understood any
	if err := first(json.Unmarshal(content, &came), json.Unmarshal(again, &understood)); err != nil {
		return err
	}
	if !reflect.DeepEqual(came, understood) {
		return fmt.Errorf("%s was understood as %s", content, again)
	}
	return nil
}

// timestamp is read as Compass's scalar is: by time.Parse with RFC 3339.
type timestamp string

func (t *timestamp) UnmarshalJSON(content []byte) error {
	var text string
	if err := json.Unmarshal(content, &text); err != nil {
		return err
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return err
	}
	*t = timestamp(text)
	return nil
}

// literal is the text as a GraphQL string.
func literal(text string) string {
	encoded, _ := json.Marshal(text)
	return string(encoded)
}
