package s3

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const coverageIntro = `# S3 API coverage

This document is written by the tests of package core/s3 and says what they
showed: every row marked *yes* or *partly* was exercised from end to end, with
signed requests over HTTP, and every row marked *no* answers 501
` + "`NotImplemented`" + ` (never a wrong success) unless it says otherwise. To write it anew:

    go test ./core/s3 -run TestCoverage -update

The ordinary test fails when the document says anything else.
`

// coverageText renders the document.
func coverageText(chapters []chapter) []byte {
	var b bytes.Buffer
	b.WriteString(coverageIntro)
	count := map[string]int{}
	for _, ch := range chapters {
		if ch.operations {
			for i := range ch.rows {
				count[ch.rows[i].state()]++
			}
		}
	}
	fmt.Fprintf(&b, "\nOf %d operations, %d are supported, %d partly, %d not.\n",
		count["yes"]+count["partly"]+count["no"], count["yes"], count["partly"], count["no"])
	for _, ch := range chapters {
		fmt.Fprintf(&b, "\n## %s\n\n", ch.title)
		if ch.intro != "" {
			b.WriteString(ch.intro + "\n\n")
		}
		if ch.differences != nil {
			writeDifferences(&b, ch.differences)
			continue
		}
		head := "Feature"
		if ch.operations {
			head = "Operation"
		}
		fmt.Fprintf(&b, "| %s | Supported | Remarks |\n|---|---|---|\n", head)
		for _, row := range ch.rows {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", row.title(ch.operations), row.state(), row.remarks())
		}
	}
	return b.Bytes()
}

// title is the first cell: an operation's is a link to S3's page.
func (c *covered) title(operation bool) string {
	if !operation || !slices.Contains(strings.Fields(apiReference), c.name) {
		return c.name
	}
	return "[" + c.name + "](https://docs.aws.amazon.com/AmazonS3/latest/API/API_" + c.name + ".html)"
}

// remarks is the last cell.
func (c *covered) remarks() string {
	var parts []string
	for _, s := range []string{c.note, c.why} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if c.lacks != "" {
		parts = append(parts, "Missing: "+c.lacks)
	}
	return cell(strings.Join(parts, " "))
}

// cell makes text fit for a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// writeDifferences writes a table of differences.
func writeDifferences(b *bytes.Buffer, list []difference) {
	b.WriteString("| Where | S3, or the test | Mucura | Why | Tests that fail for it |\n|---|---|---|---|---|\n")
	for _, d := range list {
		var tests []string
		for _, name := range slices.Concat(d.ceph, d.versity) {
			tests = append(tests, "`"+name+"`")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", cell(d.where), cell(d.others), cell(d.ours), cell(d.why), strings.Join(tests, ", "))
	}
}

// TestCoverageText shows that a table cannot be broken by what is in it.
func TestCoverageText(t *testing.T) {
	text := string(coverageText([]chapter{{title: "T", operations: true, rows: []covered{
		{name: "PutObject", note: "a|b"}, {name: "Odd", lacks: "all"}, {name: "None", why: "because"}}}}))
	for _, want := range []string{"Of 3 operations, 1 are supported, 1 partly, 1 not.", `| yes | a\|b |`, "| Odd | partly | Missing: all |", "| None | no | because |", "API_PutObject.html"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
