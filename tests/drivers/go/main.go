// Drivers that behave as the Go programs of Compass and Kyma do: the client library, the runtime agent, the manager that
// registers runtimes, registrars with a certificate, and the callers of the connectivity adapter. Only the standard
// library, nothing of the server.
//
//	PUBLIC=… MTLS=… ROOT=root.pem ADMIN_KEY=… TENANT=… driver library
//
// A driver prints what it did, line by line. At the first answer that such a program could not use it says why on
// standard error, and its exit status is 1.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

var drivers = map[string]func(world) error{
	"library":   library,
	"agent":     agent,
	"manager":   manager,
	"registrar": registrar,
	"adapter":   adapter,
	"catalogue": catalogue,
	"resolver":  resolver,
	"transport": transports,
}

// world is where the server is, and who administers it.
type world struct {
	public, mtls, adminKey, tenant string
	roots                          *x509.CertPool
}

func main() {
	if len(os.Args) != 2 || drivers[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: driver library | agent | manager | registrar | adapter | catalogue | resolver | transport\n")
		os.Exit(2)
	}
	if err := run(drivers[os.Args[1]]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func run(driver func(world) error) error {
	pem, err := os.ReadFile(os.Getenv("ROOT"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", os.Getenv("ROOT"))
	}
	return driver(world{
		public: os.Getenv("PUBLIC"), mtls: os.Getenv("MTLS"),
		adminKey: os.Getenv("ADMIN_KEY"), tenant: os.Getenv("TENANT"), roots: roots,
	})
}

// first is the first that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func did(format string, arguments ...any) {
	fmt.Printf(format+"\n", arguments...)
}

// client is how those programs make theirs: a transport with a TLS configuration, and a timeout of 30 seconds.
func (w world) client(certificates ...tls.Certificate) *http.Client {
	return w.clientOf(&http.Transport{}, certificates...)
}

func (w world) clientOf(transport *http.Transport, certificates ...tls.Certificate) *http.Client {
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{}
	}
	transport.TLSClientConfig.RootCAs = w.roots
	transport.TLSClientConfig.Certificates = certificates
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}
