package main

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// transports calls in all the ways in which Go's HTTP and TLS can be set up.
func transports(w world) error {
	admin := w.administrator(w.adminKey)
	owner, err := registerApplication(admin, `name: "go-transport"`)
	if err != nil {
		return err
	}
	token, err := tokenFor(admin, "Application", owner.ID)
	if err != nil {
		return err
	}
	held, told, err := connect(w, token)
	if err != nil {
		return err
	}
	for _, step := range []func(world, identity, configuration) error{versions, keys, http2, connections, bodies, handshakes} {
		if err := step(w, held, told); err != nil {
			return err
		}
	}
	return nil
}

const viewerQuery = "query { result: viewer { id type } }"

func asHolder(client *http.Client, told configuration) error {
	var viewer struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	return newGraphQL(client, told.ManagementPlaneInfo.DirectorURL).result(viewerQuery, &viewer)
}

// versions calls with each version of TLS that is safe, and with each cipher suite of TLS 1.2 that Go has for it.
func versions(w world, held identity, told configuration) error {
	var suites []string
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{MinVersion: version, MaxVersion: version}
		if err := asHolder(w.clientOf(&http.Transport{TLSClientConfig: config}, held.tls()), told); err != nil {
			return fmt.Errorf("TLS %x: %w", version, err)
		}
	}
	for _, suite := range tls.CipherSuites() {
		if suite.SupportedVersions[0] == tls.VersionTLS13 || !strings.Contains(suite.Name, "GCM") && !strings.Contains(suite.Name, "POLY1305") {
			continue
		}
		config := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}}
		if asHolder(w.clientOf(&http.Transport{TLSClientConfig: config}, held.tls()), told) == nil {
			suites = append(suites, suite.Name)
		}
	}
	if len(suites) != 3 { // those for the server's kind of key
		return fmt.Errorf("with TLS 1.2 only %v", suites)
	}
	did("TLS 1.2 with %d cipher suites, and TLS 1.3", len(suites))
	return nil
}

// keys reads the key from each form of PEM, and presents the chain and the leaf alone.
func keys(w world, held identity, told configuration) error {
	var chain []byte
	for _, certificate := range held.chain {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(held.key)
	if err != nil {
		return err
	}
	for kind, der := range map[string][]byte{"RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(held.key.(*rsa.PrivateKey)), "PRIVATE KEY": pkcs8} {
		pair, err := tls.X509KeyPair(chain, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
		if err != nil {
			return err
		}
		if err := asHolder(w.client(pair), told); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if err := kinds(w, held, told); err != nil {
		return err
	}
	if err := asHolder(w.client(held.leafAlone()), told); err != nil {
		return fmt.Errorf("the leaf alone: %w", err)
	}
	did("keys of PKCS #1 and PKCS #8, the chain and the leaf alone")
	return nil
}

// kinds renews with each kind of key and of CSR that Go makes, and calls with what comes of it.
func kinds(w world, held identity, told configuration) error {
	secured := newGraphQL(w.client(held.tls()), told.ManagementPlaneInfo.CertificateSecuredConnectorURL)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	keys := []crypto.Signer{edwards}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		renewed, err := obtainFor(secured, told, key, x509.CertificateRequest{})
		if err != nil {
			return fmt.Errorf("%T: %w", key, err)
		}
		if err := asHolder(w.client(renewed.tls()), told); err != nil {
			return fmt.Errorf("%T: %w", key, err)
		}
	}
	for _, algorithm := range []x509.SignatureAlgorithm{x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA} {
		asking := x509.CertificateRequest{SignatureAlgorithm: algorithm, DNSNames: []string{"app.example"}}
		if _, err := obtainFor(secured, told, held.key, asking); err != nil {
			return fmt.Errorf("%s: %w", algorithm, err)
		}
	}
	did("keys on three curves and Edwards', CSRs with each hash and with a name that is ignored")
	return nil
}

// http2 offers HTTP/2, as every client of Go does that leaves TLS alone.
func http2(w world, held identity, told configuration) error {
	for _, certificates := range [][]tls.Certificate{nil, {held.tls()}} {
		client, address := w.clientOf(&http.Transport{ForceAttemptHTTP2: true}, certificates...), told.ManagementPlaneInfo.DirectorURL
		if certificates == nil {
			address = w.public + "/healthz"
		}
		got, err := client.Get(address)
		if err != nil {
			return err
		}
		got.Body.Close()
		if got.ProtoMajor != 1 {
			return fmt.Errorf("HTTP/%d was agreed on", got.ProtoMajor)
		}
	}
	did("HTTP/2 is offered, HTTP/1.1 agreed on")
	return nil
}

// connections uses one connection for many requests, and many at once.
func connections(w world, held identity, told configuration) error {
	client, dialled := w.client(held.tls()), 0
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !info.Reused {
			dialled++
		}
	}}
	for count := 0; count < 50; count++ {
		sent, err := http.NewRequest("POST", told.ManagementPlaneInfo.DirectorURL, strings.NewReader(`{"query": "{ viewer { id } }"}`))
		if err != nil {
			return err
		}
		sent.Header.Set("Content-Type", "application/json")
		got, err := client.Do(sent.WithContext(httptrace.WithClientTrace(sent.Context(), trace)))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, got.Body)
		got.Body.Close()
		if err != nil || got.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d, %v", got.StatusCode, err)
		}
	}
	if dialled != 1 {
		return fmt.Errorf("%d connections for 50 requests", dialled)
	}
	problems := make(chan error, 16)
	for count := 0; count < cap(problems); count++ {
		go func() { problems <- asHolder(w.client(held.tls()), told) }()
	}
	for count := 0; count < cap(problems); count++ {
		if err := <-problems; err != nil {
			return err
		}
	}
	did("50 requests on one connection, 16 connections at once")
	return nil
}

// bodies sends a request in every way in which a body can be sent and an answer asked for.
func bodies(w world, held identity, told configuration) error {
	transport := &http.Transport{ExpectContinueTimeout: 20 * time.Second, DisableCompression: true}
	client, address := w.clientOf(transport, held.tls()), told.ManagementPlaneInfo.DirectorURL
	body := `{"query": ` + literal(viewerQuery) + `, "variables": null}`
	for name, headers := range map[string][]string{
		"Expect":           {"Expect", "100-continue"},
		"gzip":             {"Accept-Encoding", "gzip"},
		"no charset":       {"Content-Type", "application/json"},
		"upper case":       {"Content-Type", "Application/JSON;Charset=UTF-8"},
		"any":              {"Accept", "*/*"},
		"GraphQL answer":   {"Accept", "application/graphql-response+json, application/json;q=0.9"},
		"closed":           {"Connection", "close"},
		"an older gateway": {"X-Forwarded-For", "10.0.0.1"},
	} {
		// Without a length: in chunks, where the client does not know how long the body is.
		for _, reader := range []io.Reader{strings.NewReader(body), io.MultiReader(strings.NewReader(body))} {
			sent, err := http.NewRequest("POST", address, reader)
			if err != nil {
				return err
			}
			sent.Header.Set("Content-Type", "application/json; charset=utf-8")
			sent.Header.Set(headers[0], headers[1])
			started := time.Now()
			if err := read(client, sent); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if time.Since(started) > 15*time.Second {
				return fmt.Errorf("%s: nobody said to continue", name)
			}
		}
	}
	sent, err := http.NewRequest("GET", address+"?"+url.Values{"query": {"{ result: viewer { id type } }"}}.Encode(), nil)
	if err != nil {
		return err
	}
	if err := read(client, sent); err != nil {
		return fmt.Errorf("GET: %w", err)
	}
	did("bodies with a length and in chunks, Expect, gzip, GET, and other headers")
	return nil
}

func read(client *http.Client, sent *http.Request) error {
	got, err := client.Do(sent)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	reader := io.Reader(got.Body)
	if got.Header.Get("Content-Encoding") == "gzip" {
		if reader, err = gzip.NewReader(reader); err != nil {
			return err
		}
	}
	var answer struct {
		Data   struct{ Result struct{ ID, Type string } }
		Errors []gqlError
	}
	var content bytes.Buffer
	if err := json.NewDecoder(io.TeeReader(reader, &content)).Decode(&answer); err != nil {
		return fmt.Errorf("%w in %s", err, content.Bytes())
	}
	if len(answer.Errors) > 0 || answer.Data.Result.Type != "APPLICATION" {
		return fmt.Errorf("status %d: %s", got.StatusCode, content.Bytes())
	}
	return nil
}

// handshakes are refused where there is no certificate, or one that nobody here has issued.
func handshakes(w world, held identity, told configuration) error {
	other, err := selfSigned(held)
	if err != nil {
		return err
	}
	for name, client := range map[string]*http.Client{"no certificate": w.client(), "a self-signed one": w.client(other)} {
		if err := asHolder(client, told); err == nil {
			return fmt.Errorf("with %s the Director answered", name)
		}
	}
	// On the public address a certificate says nothing.
	public := newGraphQL(w.client(held.tls()), w.public+"/connector/graphql")
	if err := public.refused(configurationQuery, "token"); err != nil {
		return err
	}
	did("no handshake without a certificate of the CA; on the public address a certificate says nothing")
	return nil
}

func selfSigned(held identity) (tls.Certificate, error) {
	leaf := held.chain[0]
	template := &x509.Certificate{SerialNumber: leaf.SerialNumber, Subject: leaf.Subject, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, held.key.Public(), held.key)
	return tls.Certificate{PrivateKey: held.key, Certificate: [][]byte{der}}, err
}
