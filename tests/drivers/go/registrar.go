package main

import (
	"crypto/tls"
	"fmt"
	"os"
)

// registrar registers runtimes with a client certificate of another CA and no bearer token. CERTIFICATE and KEY name the
// files.
func registrar(w world) error {
	held, err := tls.LoadX509KeyPair(os.Getenv("CERTIFICATE"), os.Getenv("KEY"))
	if err != nil {
		return err
	}
	director := newGraphQL(w.client(held), w.public+"/director/graphql", "Tenant", w.tenant)
	if err := manage(director, "certificate"); err != nil {
		return fmt.Errorf("with a certificate: %w", err)
	}
	nowhere := newGraphQL(w.client(held), w.public+"/director/graphql", "Tenant", "nowhere")
	nobody := newGraphQL(w.client(), w.public+"/director/graphql", "Tenant", w.tenant)
	tenants := "mutation { result: createTenant(in: {externalID: \"go-registrar-other\"}) { id } }"
	if err := first(
		director.refused(tenants, "insufficient scopes"),
		nowhere.refused("query { result: runtimes { totalCount } }", ""),
		nobody.refused("query { result: runtimes { totalCount } }", ""),
	); err != nil {
		return err
	}
	did("without the certificate, in another tenant and beyond its role it is refused")
	return nil
}
