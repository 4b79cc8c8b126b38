package check

import (
	"fmt"
	"strings"
)

// The tables of a README stand between these lines.
const (
	tableBegin = "<!-- inputs and outputs: written by TestReadme -->\n"
	tableEnd   = "<!-- end of inputs and outputs -->\n"
)

// Tables are the inputs and outputs of a module, as Markdown.
func (m *Module) Tables() string {
	var b strings.Builder
	b.WriteString("| input | type | default | |\n|---|---|---|---|\n")
	for _, v := range m.Variables {
		given := "required"
		if v.Default != "" {
			given = code(v.Default)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, code(v.Type), given, cell(v.Description))
	}
	b.WriteString("\n| output | |\n|---|---|\n")
	for _, o := range m.Outputs {
		text := cell(o.Description)
		if o.Sensitive {
			text += " (sensitive)"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", o.Name, text)
	}
	return b.String()
}

// Readme gives text with the tables as they should be.
func (m *Module) Readme(text string) (string, error) {
	head, rest, ok := strings.Cut(text, tableBegin)
	_, tail, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		return "", fmt.Errorf("%s/README.md has no place for inputs and outputs", m.Dir)
	}
	return head + tableBegin + m.Tables() + tableEnd + tail, nil
}

func code(s string) string { return "`" + cell(s) + "`" }

// cell keeps a bar from ending a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
