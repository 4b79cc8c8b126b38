package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the largest configuration that is read, bytes.
const MaxSize = 256 << 10

// Names is a list in YAML that may be written as one value.
type Names []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (n *Names) UnmarshalYAML(v *yaml.Node) error {
	switch v.Kind {
	case yaml.ScalarNode:
		if v.Tag == "!!null" {
			return nil
		}
		*n = Names{v.Value}
		return nil
	case yaml.SequenceNode:
		list := make([]string, 0, len(v.Content))
		for _, e := range v.Content {
			if e.Kind != yaml.ScalarNode || e.Tag == "!!null" {
				return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: want a word", e.Line)}}
			}
			list = append(list, e.Value)
		}
		*n = list
		return nil
	}
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: want a word or a list of words", v.Line)}}
}

// Problems is everything that is wrong with a configuration.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "\n") }

// Parse reads a configuration strictly: unknown and repeated names, wrong types
// and bad values are reported all together, as Problems.
func Parse(text []byte) (*Config, error) {
	if len(text) > MaxSize {
		return nil, Problems{fmt.Sprintf("larger than %d bytes", MaxSize)}
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, Problems{clean(err.Error())}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, Problems{"more than one document"}
	}
	return FromNode(&doc)
}

// FromNode is Parse of YAML that is part of something larger.
func FromNode(doc *yaml.Node) (*Config, error) {
	if p := plain(doc, 0); len(p) > 0 {
		return nil, p
	}
	c := new(Config)
	var problems Problems
	if doc.Kind != 0 {
		problems = decode(doc, c)
	}
	problems = append(problems, c.check()...)
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// decode reads nodes strictly. Strictness is the decoder's, so the nodes are
// written out once more; they hold no aliases, and so are no larger.
func decode(doc *yaml.Node, c *Config) Problems {
	text, err := yaml.Marshal(doc)
	if err != nil {
		return Problems{clean(err.Error())}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	err = dec.Decode(c)
	var wrong *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &wrong):
		var p Problems
		for _, e := range wrong.Errors {
			p = append(p, clean(e))
		}
		return p
	case err != nil:
		return Problems{clean(err.Error())}
	}
	return nil
}

// maxDepth is far beyond what the schema nests.
const maxDepth = 16

// plain refuses what a configuration never needs and attackers like: anchors,
// aliases, merges, tags of one's own and deep nesting.
func plain(n *yaml.Node, depth int) (p Problems) {
	switch {
	case depth > maxDepth:
		return Problems{fmt.Sprintf("line %d: nested too deeply", n.Line)}
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return Problems{fmt.Sprintf("line %d: anchors and aliases are not taken", n.Line)}
	case n.Tag == "!!merge" || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		return Problems{fmt.Sprintf("line %d: tags are not taken", n.Line)}
	}
	for _, e := range n.Content {
		p = append(p, plain(e, depth+1)...)
	}
	return p
}

// clean makes the library's messages plain.
func clean(msg string) string {
	msg = strings.TrimPrefix(msg, "yaml: ")
	if before, rest, ok := strings.Cut(msg, "field "); ok && strings.Contains(rest, " not found in type ") {
		name, _, _ := strings.Cut(rest, " not found in type ")
		return "unknown name " + name + " (" + strings.TrimSuffix(before, ": ") + ")"
	}
	if before, rest, ok := strings.Cut(msg, "cannot unmarshal "); ok {
		// The value might be a secret: only where and what was wanted is told.
		kind := "another kind of value"
		if _, into, ok := strings.Cut(rest, " into "); ok {
			kind = map[string]string{"bool": "true or false", "int": "a number", "string": "a text"}[into]
			if kind == "" {
				kind = "names and values"
				if strings.HasPrefix(into, "[]") {
					kind = "a list"
				}
			}
		}
		return before + "want " + kind
	}
	return msg
}

// Text writes a configuration as YAML.
func (c *Config) Text() ([]byte, error) { return yaml.Marshal(c) }

// sortedKeys gives a map's keys in order.
func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Plain refuses YAML with anchors, aliases, tags of its own or deep nesting.
func Plain(n *yaml.Node) error {
	if p := plain(n, 0); len(p) > 0 {
		return p
	}
	return nil
}
