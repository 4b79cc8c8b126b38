package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestRecorded reads every recorded schema, and sees that nothing gets lost.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("../schemas/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		address, p, err := readSchemas(text, name)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got, err := p.response()
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if len(got.ResourceSchemas) != len(p.Resources) || len(p.Resources) == 0 || len(got.DataSourceSchemas) != len(p.Data) {
			t.Errorf("%s: %d of %d resources, %d of %d data sources", address,
				len(got.ResourceSchemas), len(p.Resources), len(got.DataSourceSchemas), len(p.Data))
		}
	}
}

const sample = `{"provider_schemas":{"registry.terraform.io/x/thing":{
 "provider":{"version":1,"block":{"attributes":{"token":{"type":"string","optional":true,"sensitive":true}}}},
 "resource_schemas":{"thing":{"version":2,"block":{
  "attributes":{"name":{"type":"string","required":true},"key_wo":{"type":"string","optional":true,"write_only":true},
   "ports":{"nested_type":{"nesting_mode":"list","attributes":{"port":{"type":"number","required":true}}},"optional":true}},
  "block_types":{"disk":{"nesting_mode":"list","min_items":1,"max_items":2,"block":{"attributes":{"size":{"type":["list","number"],"computed":true}}}}}}}}}}}`

func TestResponse(t *testing.T) {
	_, p, err := readSchemas([]byte(sample), "thing")
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.response()
	if err != nil {
		t.Fatal(err)
	}
	if a := got.Provider.Block.Attributes[0]; got.Provider.Version != 1 || a.Name != "token" || !a.Optional || !a.Sensitive {
		t.Errorf("provider: %+v", a)
	}
	thing := got.ResourceSchemas["thing"]
	attributes := map[string]*tfprotov6.SchemaAttribute{}
	for _, a := range thing.Block.Attributes {
		attributes[a.Name] = a
	}
	if thing.Version != 2 || !attributes["name"].Required || !attributes["key_wo"].WriteOnly {
		t.Errorf("attributes: %+v", attributes)
	}
	if n := attributes["ports"].NestedType; n == nil || n.Nesting != tfprotov6.SchemaObjectNestingModeList || n.Attributes[0].Name != "port" {
		t.Errorf("nested type: %+v", n)
	}
	disk := thing.Block.BlockTypes[0]
	if disk.TypeName != "disk" || disk.MinItems != 1 || disk.MaxItems != 2 || disk.Nesting != tfprotov6.SchemaNestedBlockNestingModeList {
		t.Errorf("block: %+v", disk)
	}
	if got := disk.Block.Attributes[0].Type.String(); got != "tftypes.List[tftypes.Number]" {
		t.Errorf("type: %s", got)
	}
}

// TestRefused sees that a schema that cannot be served is not served in part.
func TestRefused(t *testing.T) {
	for _, bad := range []struct{ from, to, want string }{
		{`"nesting_mode":"list","min_items"`, `"nesting_mode":"heap","min_items"`, `thing.disk: nesting "heap"`},
		{`"nesting_mode":"list","attributes"`, `"nesting_mode":"heap","attributes"`, `thing.ports: nesting "heap"`},
		{`["list","number"]`, `["bag","number"]`, "thing.disk.size"},
	} {
		_, p, err := readSchemas([]byte(strings.Replace(sample, bad.from, bad.to, 1)), "thing")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.response(); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want %s", bad.to, err, bad.want)
		}
	}
	if _, _, err := readSchemas([]byte(sample), "other"); err == nil {
		t.Error("a schema of another provider was found")
	}
	for _, name := range []string{"/x/schemastub", "/x/terraform-provider-aws"} {
		if got, err := providerName(name); err == nil {
			t.Errorf("%s is the provider %q", name, got)
		}
	}
	if got, _ := providerName("/x/terraform-provider-aws_v6.25.0"); got != "aws" {
		t.Errorf("got %q, want aws", got)
	}
}
