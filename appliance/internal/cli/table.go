package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/client/login"
)

// table is lines of names and values; empty values make no line.
type table struct{ b strings.Builder }

func (t *table) line(name, value string) {
	if value != "" {
		fmt.Fprintf(&t.b, "%-14s %s\n", name, clean(value))
	}
}

func (t *table) String() string { return strings.TrimSuffix(t.b.String(), "\n") }

// record is a JSON object with a type in front.
type record struct {
	kind string
	v    any
}

// MarshalJSON implements json.Marshaler.
func (r record) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(r.v)
	if err != nil {
		return nil, err
	}
	kind, err := json.Marshal(r.kind)
	if err != nil {
		return nil, err
	}
	head := append([]byte(`{"type":`), kind...)
	if rest := bytes.TrimPrefix(b, []byte("{")); len(rest) > 1 {
		return append(append(head, ','), rest...), nil
	}
	return append(head, '}'), nil
}

// accessOf is what a scope's letters are in the API.
func accessOf(s login.Scope) catalog.Access {
	switch {
	case s.Read && s.Write:
		return catalog.ReadWrite
	case s.Write:
		return catalog.WriteOnly
	}
	return catalog.ReadOnly
}
