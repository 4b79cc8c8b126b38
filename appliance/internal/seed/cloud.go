package seed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mucura/mucura/appliance/internal/spec"
)

// Of cloud-init's data the appliance uses the host name, authorized keys, the
// network, and its own configuration under the key "mucura". Everything else
// would need cloud-init; it is named in Notes.

// noCloud reads a volume of cloud-init's NoCloud source.
func noCloud(root *os.Root) (*Found, error) {
	user, err := optional(root, "user-data")
	if err != nil {
		return nil, err
	}
	meta, err := optional(root, "meta-data")
	if err != nil {
		return nil, err
	}
	network, err := optional(root, "network-config")
	if err != nil || user == nil && meta == nil {
		return nil, err
	}
	return cloud("user-data", user, meta, network)
}

// metaData is what of a meta-data file is used.
type metaData struct {
	Hostname      string `yaml:"hostname" json:"hostname"`
	LocalHostname string `yaml:"local-hostname" json:"local-hostname"`
	PublicKeys    any    `yaml:"public-keys" json:"public_keys"`
	OldPublicKeys any    `yaml:"public_keys" json:"public-keys"`
}

// cloud makes one configuration of cloud-init's files.
func cloud(source string, user, meta, network []byte) (*Found, error) {
	f, err := userData(user)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", source, err)
	}
	f.Source = source
	var m metaData
	if len(bytes.TrimSpace(meta)) > 0 {
		if err := safeYAML(meta, &m); err != nil {
			return nil, fmt.Errorf("meta-data: %w", err)
		}
	}
	f.addMeta(&m)
	if len(bytes.TrimSpace(network)) > 0 && len(f.Config.Network) == 0 {
		list, notes, err := networkConfig(network)
		if err != nil {
			return nil, fmt.Errorf("network-config: %w", err)
		}
		f.Config.Network, f.Notes = list, append(f.Notes, notes...)
	}
	return f, f.Config.Check()
}

// userData reads a cloud-config, or a mucura.yaml that was given as user data.
func userData(text []byte) (*Found, error) {
	f := &Found{Config: new(spec.Config)}
	trimmed := bytes.TrimSpace(text)
	if len(trimmed) == 0 {
		return f, nil
	}
	if !bytes.HasPrefix(trimmed, []byte("#cloud-config")) {
		if bytes.HasPrefix(trimmed, []byte("#!")) || bytes.HasPrefix(trimmed, []byte("Content-Type:")) || bytes.HasPrefix(trimmed, []byte("#include")) {
			return nil, errors.New("scripts, includes and multi-part user data are not run; give a #cloud-config with the key mucura")
		}
		c, err := spec.Parse(text)
		f.Config = c
		return f, err
	}
	var top map[string]yaml.Node
	if err := safeYAML(text, &top); err != nil {
		return nil, err
	}
	if n, ok := top["mucura"]; ok {
		c, err := spec.FromNode(&n)
		if err != nil {
			return nil, fmt.Errorf("mucura:\n%w", err)
		}
		f.Config = c
	}
	return f, f.addTop(top)
}

// addTop takes the other keys of a cloud-config that are used.
func (f *Found) addTop(top map[string]yaml.Node) error {
	var errs []error
	for _, name := range sortedNames(top) {
		n := top[name]
		switch name {
		case "mucura":
		case "hostname", "fqdn":
			if f.Config.Hostname == "" {
				errs = append(errs, decodeNode(name, &n, &f.Config.Hostname))
				f.Config.Hostname = short(f.Config.Hostname)
			}
		case "ssh_authorized_keys":
			var keys []string
			errs = append(errs, decodeNode(name, &n, &keys))
			f.addKeys(keys)
		default:
			f.Notes = append(f.Notes, "user-data: "+name+" is not used")
		}
	}
	return errors.Join(errs...)
}

func decodeNode(name string, n *yaml.Node, v any) error {
	if n.Decode(v) != nil {
		return fmt.Errorf("%s: line %d: another kind of value is wanted", name, n.Line)
	}
	return nil
}

func sortedNames(m map[string]yaml.Node) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func short(name string) string {
	first, _, _ := strings.Cut(strings.ToLower(name), ".")
	return first
}

// addKeys takes authorized keys, less those that carry options, which are for
// other systems.
func (f *Found) addKeys(keys []string) {
	for _, k := range keys {
		k = strings.TrimSpace(k)
		if k != "" && !slices.Contains(f.Config.SSH.AuthorizedKeys, k) {
			f.Config.SSH.AuthorizedKeys = append(f.Config.SSH.AuthorizedKeys, k)
		}
	}
}

func (f *Found) addMeta(m *metaData) {
	for _, name := range []string{m.LocalHostname, m.Hostname} {
		if f.Config.Hostname == "" && name != "" {
			f.Config.Hostname = short(name)
		}
	}
	f.addKeys(stringsIn(m.PublicKeys, 0))
	f.addKeys(stringsIn(m.OldPublicKeys, 0))
}

// stringsIn gives the texts in a list or in the values of a map: clouds differ
// in how they write public keys.
func stringsIn(v any, depth int) []string {
	if depth > 3 {
		return nil
	}
	switch v := v.(type) {
	case string:
		return strings.Split(strings.TrimSpace(v), "\n")
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, stringsIn(e, depth+1)...)
		}
		return all
	case map[string]any:
		names := make([]string, 0, len(v))
		for n := range v {
			names = append(names, n)
		}
		slices.Sort(names)
		var all []string
		for _, n := range names {
			all = append(all, stringsIn(v[n], depth+1)...)
		}
		return all
	}
	return nil
}

// configDrive reads a volume of OpenStack's ConfigDrive.
func configDrive(root *os.Root) (*Found, error) {
	const dir = "openstack/latest/"
	meta, err := optional(root, dir+"meta_data.json")
	if err != nil || meta == nil {
		return nil, err
	}
	user, err := optional(root, dir+"user_data")
	if err != nil {
		return nil, err
	}
	network, err := optional(root, dir+"network_data.json")
	if err != nil {
		return nil, err
	}
	f, err := cloud(dir+"user_data", user, nil, nil)
	if err != nil {
		return nil, err
	}
	var m metaData
	if err := json.Unmarshal(meta, &m); err != nil {
		return nil, fmt.Errorf("meta_data.json: %w", err)
	}
	f.addMeta(&m)
	if len(bytes.TrimSpace(network)) > 0 && len(f.Config.Network) == 0 {
		if f.Config.Network, err = networkData(network); err != nil {
			return nil, fmt.Errorf("network_data.json: %w", err)
		}
	}
	return f, f.Config.Check()
}

// safeYAML reads YAML of strangers: bounded, without aliases, which a few lines
// can make into gigabytes.
func safeYAML(text []byte, v any) error {
	if len(text) > spec.MaxSize {
		return fmt.Errorf("larger than %d bytes", spec.MaxSize)
	}
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return err
	}
	if err := spec.Plain(&n); err != nil {
		return err
	}
	if n.Kind == 0 {
		return nil
	}
	return n.Decode(v)
}
