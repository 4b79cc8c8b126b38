// Schemastub is a Terraform provider that serves a recorded schema and can do
// nothing else. With it "terraform validate", and "terraform test" with mock
// providers, run where no provider can be downloaded: they ask a provider for
// its schema only.
//
// Terraform starts it as terraform-provider-NAME_vVERSION, out of a filesystem
// mirror. The schema is the file of that path with .json behind it, as printed
// by "terraform providers schema -json".
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

func main() {
	if err := run(os.Args[0]); err != nil {
		fmt.Fprintln(os.Stderr, "schemastub:", err)
		os.Exit(1)
	}
}

// run serves the schema beside the executable until Terraform is done.
func run(executable string) error {
	text, err := os.ReadFile(executable + ".json")
	if err != nil {
		return err
	}
	name, err := providerName(executable)
	if err != nil {
		return err
	}
	address, recorded, err := readSchemas(text, name)
	if err != nil {
		return err
	}
	served, err := recorded.response()
	if err != nil {
		return fmt.Errorf("schema of %s: %w", address, err)
	}
	return tf6server.Serve(address, func() tfprotov6.ProviderServer { return &provider{schemas: served} })
}

// providerName is NAME of .../terraform-provider-NAME_vVERSION.
func providerName(executable string) (string, error) {
	base := filepath.Base(executable)
	name, _, ok := strings.Cut(strings.TrimPrefix(base, "terraform-provider-"), "_v")
	if !ok || name == base {
		return "", fmt.Errorf("%s is not named terraform-provider-NAME_vVERSION", base)
	}
	return name, nil
}
