package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestSiteKeysWatched: a change made while the server starts is noticed, and a
// file that was read half written is read again although its time is the same.
func TestSiteKeysWatched(t *testing.T) {
	data := t.TempDir()
	c, err := parse("serve", []string{"--data", data}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	path, at := filepath.Join(data, "site.key"), time.Now().Add(-time.Hour)
	write := func(text []byte) { // as a rename does: at once
		t.Helper()
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".new", at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	first, next := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	write(siteKeyFile(first, nil))
	stamp := modified(path)
	stores, err := openStores(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stores.Close()
	at = at.Add(time.Second)
	write(siteKeyFile(next, [][]byte{first})[:70])
	said := make(lines, 100)
	a := newApp(c, stores, slog.New(slog.NewTextHandler(said, nil)))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); watchSiteKeys(ctx, a, stamp, time.Millisecond) }()
	said.wait("site keys not reloaded")
	write(siteKeyFile(next, [][]byte{first}))
	said.wait("site keys reloaded")
	stop()
	<-ended
	if len(said) != 0 {
		t.Errorf("reloaded again: %s", <-said)
	}
}

// lines are those of a log, as they come. When nobody takes them they are lost.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

// wait takes lines until one has the text.
func (l lines) wait(text string) {
	for line := range l {
		if strings.Contains(line, text) {
			return
		}
	}
}
