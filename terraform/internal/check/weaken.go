package check

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Weaken gives a variables.tf whose variables accept everything by their rule of
// that number, counted from 1, and the names of the runs that should notice.
func Weaken(text []byte, rule int) (out []byte, runs []string, err error) {
	f, diags := hclsyntax.ParseConfig(text, "variables.tf", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, nil, diags
	}
	end := 0
	var b bytes.Buffer
	for _, v := range f.Body.(*hclsyntax.Body).Blocks {
		n := 0
		for _, inner := range v.Body.Blocks {
			if inner.Type != "validation" {
				continue
			}
			if n++; n != rule {
				continue
			}
			at := inner.Body.Attributes["condition"].Expr.Range()
			b.Write(text[end:at.Start.Byte])
			// Terraform wants a condition to speak of its variable.
			fmt.Fprintf(&b, "var.%s == var.%[1]s", v.Labels[0])
			end = at.End.Byte
			runs = append(runs, fmt.Sprintf("rejects_%s_%d", v.Labels[0], rule))
		}
	}
	b.Write(text[end:])
	return b.Bytes(), runs, nil
}
