package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSiteKeys: the file is made once, and older keys follow the current one.
func TestSiteKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.key")
	first, older, err := siteKeys(path)
	if err != nil || len(first) != 32 || len(older) != 0 {
		t.Fatalf("%d bytes, %d older, %v", len(first), len(older), err)
	}
	if again, _, err := siteKeys(path); err != nil || !bytes.Equal(again, first) {
		t.Fatalf("the second time it is another key: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	next := bytes.Repeat([]byte{7}, 32)
	if err := os.WriteFile(path, siteKeyFile(next, [][]byte{first}), 0o600); err != nil {
		t.Fatal(err)
	}
	key, older, err := siteKeys(path)
	if err != nil || !bytes.Equal(key, next) || len(older) != 1 || !bytes.Equal(older[0], first) {
		t.Errorf("%x, %x, %v", key, older, err)
	}
}

func TestSiteKeysRefused(t *testing.T) {
	good := strings.Repeat("0a", 32)
	for text, want := range map[string]string{
		"":                          "line 1",
		"\n":                        "line 1",
		good[2:] + "\n":             "line 1",
		good + "00\n":               "line 1",
		good + "\nnonsense\n":       "line 2",
		good + "\n\n" + good + "\n": "line 2",
	} {
		path := filepath.Join(t.TempDir(), "site.key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := siteKeys(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
