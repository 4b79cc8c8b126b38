package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// The types below are the JSON of "terraform providers schema -json", as far as
// a provider has to repeat it:
// https://developer.hashicorp.com/terraform/cli/commands/providers/schema

type providerJSON struct {
	Provider  schemaJSON            `json:"provider"`
	Resources map[string]schemaJSON `json:"resource_schemas"`
	Data      map[string]schemaJSON `json:"data_source_schemas"`
}

type schemaJSON struct {
	Version int64     `json:"version"`
	Block   blockJSON `json:"block"`
}

type blockJSON struct {
	Attributes map[string]attributeJSON `json:"attributes"`
	Blocks     map[string]nestedBlock   `json:"block_types"`
}

type nestedBlock struct {
	Nesting  string    `json:"nesting_mode"`
	Block    blockJSON `json:"block"`
	MinItems int64     `json:"min_items"`
	MaxItems int64     `json:"max_items"`
}

type attributeJSON struct {
	Type       json.RawMessage `json:"type"`
	Nested     *nestedObject   `json:"nested_type"`
	Required   bool            `json:"required"`
	Optional   bool            `json:"optional"`
	Computed   bool            `json:"computed"`
	Sensitive  bool            `json:"sensitive"`
	Deprecated bool            `json:"deprecated"`
	WriteOnly  bool            `json:"write_only"`
}

type nestedObject struct {
	Attributes map[string]attributeJSON `json:"attributes"`
	Nesting    string                   `json:"nesting_mode"`
}

var blockNesting = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
	"group":  tfprotov6.SchemaNestedBlockNestingModeGroup,
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
	"map":    tfprotov6.SchemaNestedBlockNestingModeMap,
}

var objectNesting = map[string]tfprotov6.SchemaObjectNestingMode{
	"single": tfprotov6.SchemaObjectNestingModeSingle,
	"list":   tfprotov6.SchemaObjectNestingModeList,
	"set":    tfprotov6.SchemaObjectNestingModeSet,
	"map":    tfprotov6.SchemaObjectNestingModeMap,
}

// readSchemas finds the provider whose address ends in name.
func readSchemas(text []byte, name string) (address string, p providerJSON, err error) {
	var all struct {
		Providers map[string]providerJSON `json:"provider_schemas"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return "", p, err
	}
	for address, p := range all.Providers {
		if strings.HasSuffix(address, "/"+name) {
			return address, p, nil
		}
	}
	return "", p, fmt.Errorf("there is no schema of a provider %q", name)
}

// response gives the schemas as the plug-in protocol has them. All that is wrong
// with them is reported.
func (p providerJSON) response() (*tfprotov6.GetProviderSchemaResponse, error) {
	r := reader{}
	out := &tfprotov6.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov6.ServerCapabilities{},
		Provider:           r.schema("provider", p.Provider),
		ResourceSchemas:    map[string]*tfprotov6.Schema{},
		DataSourceSchemas:  map[string]*tfprotov6.Schema{},
	}
	for name, s := range p.Resources {
		out.ResourceSchemas[name] = r.schema(name, s)
	}
	for name, s := range p.Data {
		out.DataSourceSchemas[name] = r.schema("data."+name, s)
	}
	return out, errors.Join(r.problems...)
}

// reader collects what it cannot read, so that the places need no errors.
type reader struct{ problems []error }

func (r *reader) schema(at string, in schemaJSON) *tfprotov6.Schema {
	return &tfprotov6.Schema{Version: in.Version, Block: r.block(at, in.Block)}
}

func (r *reader) block(at string, in blockJSON) *tfprotov6.SchemaBlock {
	out := &tfprotov6.SchemaBlock{Attributes: r.attributes(at, in.Attributes)}
	for name, b := range in.Blocks {
		nesting, ok := blockNesting[b.Nesting]
		if !ok {
			r.problems = append(r.problems, fmt.Errorf("%s.%s: nesting %q", at, name, b.Nesting))
		}
		out.BlockTypes = append(out.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: r.block(at+"."+name, b.Block),
			Nesting: nesting, MinItems: b.MinItems, MaxItems: b.MaxItems,
		})
	}
	return out
}

func (r *reader) attributes(at string, in map[string]attributeJSON) (out []*tfprotov6.SchemaAttribute) {
	for name, a := range in {
		o := &tfprotov6.SchemaAttribute{
			Name: name, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
			Sensitive: a.Sensitive, Deprecated: a.Deprecated, WriteOnly: a.WriteOnly,
		}
		if a.Nested != nil {
			nesting, ok := objectNesting[a.Nested.Nesting]
			if !ok {
				r.problems = append(r.problems, fmt.Errorf("%s.%s: nesting %q", at, name, a.Nested.Nesting))
			}
			o.NestedType = &tfprotov6.SchemaObject{Attributes: r.attributes(at+"."+name, a.Nested.Attributes), Nesting: nesting}
		} else {
			//lint:ignore SA1019 There is no other parser of this form.
			t, err := tftypes.ParseJSONType(a.Type)
			if err != nil {
				r.problems = append(r.problems, fmt.Errorf("%s.%s: %w", at, name, err))
			}
			o.Type = t
		}
		out = append(out, o)
	}
	return out
}
