package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/config"
)

func TestBackupAudit(t *testing.T) {
	source, dir := t.TempDir(), t.TempDir()
	c := &config.Config{AuditLog: source, AuditKeep: 48 * time.Hour}
	write := func(day, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(source, "audit-"+day+".jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(now string, days map[string]string) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := backupAudit(c, dir, at); err != nil {
			t.Fatal(err)
		}
		names, err := auditFiles(filepath.Join(dir, auditDir))
		if err != nil || len(names) != len(days) {
			t.Errorf("%q, want %d days; %v", names, len(days), err)
		}
		for day, text := range days {
			got, err := os.ReadFile(filepath.Join(dir, auditDir, "audit-"+day+".jsonl"))
			if err != nil || string(got) != text {
				t.Errorf("%s: %d bytes, want %d; %v", day, len(got), len(text), err)
			}
		}
	}
	long := strings.Repeat("{}\n", 50_000)
	write("2026-05-01", "{1}\n")
	write("2026-05-02", long+`{"torn":`+strings.Repeat("x", 100_000))
	write("2026-05-03", `{"torn":`)
	want("2026-05-03T12:00:00Z", map[string]string{"2026-05-01": "{1}\n", "2026-05-02": long, "2026-05-03": ""})
	write("2026-05-02", long+"{2}\n")
	write("2026-05-03", "{3}\n")
	want("2026-05-03T13:00:00Z", map[string]string{"2026-05-01": "{1}\n", "2026-05-02": long + "{2}\n", "2026-05-03": "{3}\n"})
	if err := os.Remove(filepath.Join(source, "audit-2026-05-01.jsonl")); err != nil { // kept no longer
		t.Fatal(err)
	}
	want("2026-05-04T01:00:00Z", map[string]string{"2026-05-02": long + "{2}\n", "2026-05-03": "{3}\n"})

	paths, err := auditPaths(&config.Config{AuditLog: "/new"}, dir)
	if err != nil || len(paths) != 2 || paths[filepath.Join(dir, "audit", "audit-2026-05-03.jsonl")] != "/new/audit-2026-05-03.jsonl" {
		t.Errorf("%v, %v", paths, err)
	}
	if err := backupAudit(&config.Config{AuditLog: "off"}, t.TempDir(), time.Now()); err != nil {
		t.Error(err)
	}
	if names, err := auditFiles("/no/such/directory"); err != nil || slices.Contains(names, "") {
		t.Errorf("%q, %v", names, err)
	}
}
