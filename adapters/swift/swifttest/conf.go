package swifttest

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed node.py
var nodePy []byte

//go:embed conf.tmpl
var confText string

// settings fill conf.tmpl.
type settings struct {
	Dir, User           string
	ListingLimit        int
	Memcached, Keystone string // addresses; Keystone "" for tempauth
	Ports               map[string]int
}

// configure writes the configuration, node.py and the directories of devices.
func (n *Node) configure() error {
	for _, d := range []string{"etc", "log", "cache"} {
		if err := os.MkdirAll(filepath.Join(n.dir, d), 0o755); err != nil {
			return err
		}
	}
	for i := range devices {
		if err := os.MkdirAll(filepath.Join(n.dir, "srv", fmt.Sprintf("d%d", i+1)), 0o755); err != nil {
			return err
		}
	}
	s := settings{Dir: n.dir, User: n.procs.userName(), ListingLimit: n.opts.ListingLimit, Memcached: n.addr("memcached"), Ports: map[string]int{}}
	if s.ListingLimit == 0 {
		s.ListingLimit = 10_000
	}
	if n.opts.Keystone {
		s.Keystone = "http://" + n.addr("keystone") + "/v3"
	}
	for name, port := range n.ports {
		s.Ports[strings.TrimSuffix(name, "-server")] = port
	}
	t, err := template.New("").Parse(confText)
	if err != nil {
		return err
	}
	for _, part := range t.Templates() {
		name := part.Name()
		if !strings.HasSuffix(name, ".conf") {
			continue
		}
		var b strings.Builder
		if err := t.ExecuteTemplate(&b, name, s); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(n.etc(), name), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(n.dir, "node.py"), nodePy, 0o644)
}
