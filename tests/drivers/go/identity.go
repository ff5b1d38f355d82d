package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

type configuration struct {
	Token struct {
		Token string `json:"token"`
	} `json:"token"`
	CertificateSigningRequestInfo struct {
		Subject      string `json:"subject"`
		KeyAlgorithm string `json:"keyAlgorithm"`
	} `json:"certificateSigningRequestInfo"`
	ManagementPlaneInfo struct {
		DirectorURL                    string `json:"directorURL"`
		CertificateSecuredConnectorURL string `json:"certificateSecuredConnectorURL"`
	} `json:"managementPlaneInfo"`
}

type certificationResult struct {
	CertificateChain  string `json:"certificateChain"`
	CACertificate     string `json:"caCertificate"`
	ClientCertificate string `json:"clientCertificate"`
}

const configurationQuery = `query {
	result: configuration()
	{
		token { token }
		certificateSigningRequestInfo { subject keyAlgorithm }
		managementPlaneInfo {
			directorURL
			certificateSecuredConnectorURL
		}
	}
}`

func signQuery(csr string) string {
	return fmt.Sprintf(`mutation {
	result: signCertificateSigningRequest(csr: "%s")
	{
		certificateChain
		caCertificate
		clientCertificate
	}
}`, csr)
}

const revokeQuery = `mutation {
	result: revokeCertificate
}`

// subject is what the clients make of the configuration's text: they split it at commas, and each part at its equals sign.
func subject(text string) pkix.Name {
	values := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		parts := strings.Split(pair, "=")
		values[parts[0]] = parts[1]
	}
	return pkix.Name{
		CommonName:         values["CN"],
		Country:            []string{values["C"]},
		Organization:       []string{values["O"]},
		OrganizationalUnit: []string{values["OU"]},
		Locality:           []string{values["L"]},
		Province:           []string{values["ST"]},
	}
}

// request is the PEM of a CSR, with Go's order of attributes (C, O, OU, L, ST, CN).
func request(key crypto.Signer, name pkix.Name) ([]byte, error) {
	return requestOf(key, x509.CertificateRequest{Subject: name})
}

func requestOf(key crypto.Signer, template x509.CertificateRequest) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), err
}

// identity is a key with its chain, the leaf first.
type identity struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

func (i identity) tls() tls.Certificate {
	held := tls.Certificate{PrivateKey: i.key}
	for _, certificate := range i.chain {
		held.Certificate = append(held.Certificate, certificate.Raw)
	}
	return held
}

func (i identity) leafAlone() tls.Certificate {
	return tls.Certificate{PrivateKey: i.key, Certificate: [][]byte{i.chain[0].Raw}}
}

// obtain makes a key and has its CSR signed by the connector that is called.
func obtain(connector graphQL, told configuration, bits int) (identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return identity{}, err
	}
	return obtainFor(connector, told, key, x509.CertificateRequest{})
}

// obtainFor has a CSR with this key signed, which has what the template has.
func obtainFor(connector graphQL, told configuration, key crypto.Signer, template x509.CertificateRequest) (identity, error) {
	template.Subject = subject(told.CertificateSigningRequestInfo.Subject)
	csr, err := requestOf(key, template)
	if err != nil {
		return identity{}, err
	}
	var signed certificationResult
	if err := connector.result(signQuery(base64.StdEncoding.EncodeToString(csr)), &signed); err != nil {
		return identity{}, err
	}
	chain, err := check(signed.CertificateChain, signed.ClientCertificate, signed.CACertificate, key, told)
	return identity{key, chain}, err
}

// check is what Compass's own tests look at in what was signed: the chain has two certificates, and they fit.
func check(chain, client, ca string, key crypto.Signer, told configuration) ([]*x509.Certificate, error) {
	found, err := certificates(chain)
	leaf, leafErr := certificates(client)
	issuer, issuerErr := certificates(ca)
	if err := first(err, leafErr, issuerErr); err != nil {
		return nil, err
	}
	if len(found) != 2 || len(leaf) != 1 || len(issuer) != 1 || !found[0].Equal(leaf[0]) || !found[1].Equal(issuer[0]) {
		return nil, fmt.Errorf("chain of %d, client of %d, CA of %d", len(found), len(leaf), len(issuer))
	}
	if string(found[0].RawIssuer) != string(found[1].RawSubject) {
		return nil, errors.New("the leaf's issuer is not the CA")
	}
	if err := found[0].CheckSignatureFrom(found[1]); err != nil {
		return nil, err
	}
	want := subject(told.CertificateSigningRequestInfo.Subject)
	if got := found[0].Subject; got.CommonName != want.CommonName || got.String() != want.String() {
		return nil, fmt.Errorf("subject %s", found[0].Subject)
	}
	if own, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(found[0].PublicKey) {
		return nil, errors.New("certificate of another key")
	}
	if now := time.Now(); now.Before(found[0].NotBefore) || now.After(found[0].NotAfter) {
		return nil, fmt.Errorf("valid from %s to %s", found[0].NotBefore, found[0].NotAfter)
	}
	return found, nil
}

// certificates reads base64 of PEM as the clients do: block after block, until nothing is left.
func certificates(encoded string) ([]*x509.Certificate, error) {
	rest, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	var found []*x509.Certificate
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("no PEM block where one was expected")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	return found, nil
}
