package seed

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mucura/mucura/appliance/internal/spec"
)

// networkConfig reads cloud-init's network-config, version 1 or 2, as far as
// plain Ethernet interfaces go. Bonds, bridges and VLANs are an error: a machine
// that is reachable by half of its configuration only is worse than one that says so.
func networkConfig(text []byte) ([]spec.Interface, []string, error) {
	var outer map[string]yaml.Node
	if err := safeYAML(text, &outer); err != nil {
		return nil, nil, err
	}
	if n, ok := outer["network"]; ok { // as in netplan's files
		inner, err := yaml.Marshal(&n)
		if err != nil {
			return nil, nil, err
		}
		text = inner
	}
	var top struct {
		Version int `yaml:"version"`
	}
	if err := safeYAML(text, &top); err != nil {
		return nil, nil, err
	}
	switch top.Version {
	case 1:
		return version1(text)
	case 2:
		return version2(text)
	}
	return nil, nil, fmt.Errorf("version %d is not one of 1, 2", top.Version)
}

type nameservers struct {
	Addresses spec.Names `yaml:"addresses"`
	Search    spec.Names `yaml:"search"`
}

func version2(text []byte) ([]spec.Interface, []string, error) {
	var n struct {
		Ethernets map[string]struct {
			Match struct {
				Name string `yaml:"name"`
				MAC  string `yaml:"macaddress"`
			} `yaml:"match"`
			DHCP4       *bool       `yaml:"dhcp4"`
			Addresses   spec.Names  `yaml:"addresses"`
			Gateway4    string      `yaml:"gateway4"`
			Gateway6    string      `yaml:"gateway6"`
			Nameservers nameservers `yaml:"nameservers"`
			Routes      []struct {
				To  string `yaml:"to"`
				Via string `yaml:"via"`
			} `yaml:"routes"`
		} `yaml:"ethernets"`
		Bonds   map[string]any `yaml:"bonds"`
		Bridges map[string]any `yaml:"bridges"`
		VLANs   map[string]any `yaml:"vlans"`
		Wifis   map[string]any `yaml:"wifis"`
	}
	if err := safeYAML(text, &n); err != nil {
		return nil, nil, err
	}
	if len(n.Bonds)+len(n.Bridges)+len(n.VLANs)+len(n.Wifis) > 0 {
		return nil, nil, errors.New("only ethernets are supported")
	}
	names := make([]string, 0, len(n.Ethernets))
	for name := range n.Ethernets {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []spec.Interface
	var notes []string
	for _, name := range names {
		e := n.Ethernets[name]
		i := spec.Interface{Name: name, DHCP: e.DHCP4, Addresses: e.Addresses, DNS: e.Nameservers.Addresses, Search: e.Nameservers.Search}
		if e.Match.MAC != "" {
			i.Name, i.MAC = "", e.Match.MAC
		} else if e.Match.Name != "" {
			i.Name = e.Match.Name
		}
		for _, g := range []string{e.Gateway4, e.Gateway6} {
			if g != "" {
				i.Gateways = append(i.Gateways, g)
			}
		}
		for _, r := range e.Routes {
			if isDefault(r.To) {
				i.Gateways = append(i.Gateways, r.Via)
			} else {
				notes = append(notes, "network-config: the route to "+r.To+" is not used")
			}
		}
		list = append(list, settle(i))
	}
	return list, notes, nil
}

func isDefault(to string) bool { return to == "default" || to == "0.0.0.0/0" || to == "::/0" }

// settle asks DHCP where cloud-init's "no DHCP" would leave no address.
func settle(i spec.Interface) spec.Interface {
	if len(i.Addresses) == 0 && i.DHCP != nil && !*i.DHCP {
		i.DHCP = nil // IPv6 autoconfiguration, or nothing better is known
	}
	return i
}

func version1(text []byte) ([]spec.Interface, []string, error) {
	var n struct {
		Config []struct {
			Type    string     `yaml:"type"`
			Name    string     `yaml:"name"`
			MAC     string     `yaml:"mac_address"`
			Address spec.Names `yaml:"address"`
			Search  spec.Names `yaml:"search"`
			Subnets []struct {
				Type    string     `yaml:"type"`
				Address string     `yaml:"address"`
				Netmask string     `yaml:"netmask"`
				Gateway string     `yaml:"gateway"`
				DNS     spec.Names `yaml:"dns_nameservers"`
				Search  spec.Names `yaml:"dns_search"`
			} `yaml:"subnets"`
		} `yaml:"config"`
	}
	if err := safeYAML(text, &n); err != nil {
		return nil, nil, err
	}
	var list []spec.Interface
	var dns, search spec.Names
	for _, e := range n.Config {
		switch e.Type {
		case "physical":
			i := spec.Interface{Name: e.Name, MAC: e.MAC}
			if i.MAC != "" {
				i.Name = ""
			}
			for _, s := range e.Subnets {
				i.DNS, i.Search = append(i.DNS, s.DNS...), append(i.Search, s.Search...)
				if err := addSubnet(&i, s.Type, s.Address, s.Netmask, s.Gateway); err != nil {
					return nil, nil, fmt.Errorf("%s: %w", e.Name, err)
				}
			}
			list = append(list, i)
		case "nameserver":
			dns, search = append(dns, e.Address...), append(search, e.Search...)
		default:
			return nil, nil, fmt.Errorf("type %q is not supported, only physical and nameserver", e.Type)
		}
	}
	for i := range list {
		list[i].DNS, list[i].Search = append(list[i].DNS, dns...), append(list[i].Search, search...)
	}
	return list, nil, nil
}

// addSubnet adds an address as cloud-init and OpenStack write it.
func addSubnet(i *spec.Interface, kind, address, netmask, gateway string) error {
	switch kind {
	case "dhcp", "dhcp4", "ipv4_dhcp":
		yes := true
		i.DHCP = &yes
		return nil
	case "dhcp6", "ipv6_slaac", "ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful", "ipv6_dhcp":
		return nil // router advertisements are always heard
	case "static", "static4", "static6", "ipv4", "ipv6":
	default:
		return fmt.Errorf("subnet type %q is not supported", kind)
	}
	if !strings.Contains(address, "/") {
		bits, err := maskBits(netmask)
		if err != nil {
			return err
		}
		address = fmt.Sprintf("%s/%d", address, bits)
	}
	i.Addresses = append(i.Addresses, address)
	if gateway != "" {
		i.Gateways = append(i.Gateways, gateway)
	}
	return nil
}

func maskBits(mask string) (int, error) {
	ip, err := netip.ParseAddr(mask)
	if err != nil {
		return 0, fmt.Errorf("netmask %q", mask)
	}
	ones, size := net.IPMask(ip.AsSlice()).Size()
	if size == 0 {
		return 0, fmt.Errorf("netmask %q", mask)
	}
	return ones, nil
}

// networkData reads OpenStack's network_data.json.
func networkData(text []byte) ([]spec.Interface, error) {
	var n struct {
		Links []struct {
			ID  string `json:"id"`
			MAC string `json:"ethernet_mac_address"`
		} `json:"links"`
		Networks []struct {
			Link    string `json:"link"`
			Type    string `json:"type"`
			Address string `json:"ip_address"`
			Netmask string `json:"netmask"`
			Gateway string `json:"gateway"`
			Routes  []struct {
				Network string `json:"network"`
				Netmask string `json:"netmask"`
				Gateway string `json:"gateway"`
			} `json:"routes"`
		} `json:"networks"`
		Services []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"services"`
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	var dns spec.Names
	for _, s := range n.Services {
		if s.Type == "dns" {
			dns = append(dns, s.Address)
		}
	}
	var list []spec.Interface
	for _, l := range n.Links {
		i := spec.Interface{MAC: l.MAC, DNS: slices.Clone(dns)}
		for _, w := range n.Networks {
			if w.Link != l.ID {
				continue
			}
			gateway := w.Gateway
			for _, r := range w.Routes {
				if gateway == "" && (r.Netmask == "0.0.0.0" || r.Netmask == "::") {
					gateway = r.Gateway
				}
			}
			if err := addSubnet(&i, w.Type, w.Address, w.Netmask, gateway); err != nil {
				return nil, fmt.Errorf("%s: %w", l.ID, err)
			}
		}
		list = append(list, i)
	}
	return list, nil
}
