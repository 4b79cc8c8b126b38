package spec

import (
	"fmt"
	"reflect"
	"strings"
)

// Document writes the schema as a table of Markdown.
func Document() string {
	var b strings.Builder
	b.WriteString("| name | kind | meaning |\n|---|---|---|\n")
	document(&b, "", reflect.TypeFor[Config]())
	return b.String()
}

func document(b *strings.Builder, prefix string, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		inner, kind := f.Type, ""
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case inner == reflect.TypeFor[Names]():
			kind = "word or list"
		case inner.Kind() == reflect.Slice:
			inner, kind, name = inner.Elem(), "list", name+"[]"
		case inner.Kind() == reflect.Struct:
			kind = "section"
		case inner.Kind() == reflect.Map:
			kind = "names and values"
		case inner.Kind() == reflect.Bool:
			kind = "true or false"
		case inner.Kind() == reflect.Int:
			kind = "number"
		default:
			kind = "text"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, name, kind, f.Tag.Get("doc"))
		if inner.Kind() == reflect.Struct {
			document(b, prefix+name+".", inner)
		}
	}
}
