// Package console is what the appliance shows on its screen and serial line: how
// to reach it, how it does, and a menu of the few things that need a person at
// the machine. There is no shell.
package console

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/seed"
	"github.com/mucura/mucura/appliance/internal/setup"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/slots"
	"github.com/mucura/mucura/appliance/internal/spec"
	"github.com/mucura/mucura/appliance/internal/watch"
	"github.com/mucura/mucura/core/localca"
)

// Status is everything a person wants to know at a glance.
type Status struct {
	Version     string          `json:"version"`
	Slot        string          `json:"slot,omitempty"` // "" on a boot medium
	Hostname    string          `json:"hostname"`
	Claimed     bool            `json:"claimed"`
	Service     string          `json:"service"` // of mucurad or the set-up page, as systemd says
	URLs        []string        `json:"urls"`
	People      string          `json:"people,omitempty"`
	Fingerprint string          `json:"fingerprint,omitempty"` // of the own authority, SHA-256
	Disk        *disks.Status   `json:"disk"`
	Problem     string          `json:"problem,omitempty"` // of the seed or configuration
	Warnings    []watch.Warning `json:"warnings,omitempty"`
	// Code is shown on the console alone.
	Code string `json:"-"`
}

// Gather looks at the machine.
func Gather(ctx context.Context, h *host.Host, version string) *Status {
	at := &site.Site{Host: h}
	s := &Status{Version: version, Claimed: at.Claimed(), Slot: (&slots.Manager{Host: h}).Running()}
	var err error
	if s.Hostname, err = os.Hostname(); err != nil {
		s.Hostname = "mucura"
	}
	if s.Disk, err = disks.Recorded(h); err != nil {
		s.Disk = &disks.Status{State: "unknown", Message: "the disks have not been looked at yet"}
	}
	if o, err := seed.Noted(h); err == nil {
		s.Problem = o.Problem
	}
	c := new(spec.Config)
	if s.Claimed {
		if loaded, err := at.Load(); err == nil {
			c = loaded
		} else {
			s.Problem = err.Error()
		}
	} else if code, err := setup.Code(h); err == nil {
		s.Code = code
	}
	s.reach(c)
	if c.TLS.Mode == "" || c.TLS.Mode == "internal" {
		s.Fingerprint = fingerprint(h)
	}
	s.Warnings, _ = watch.Read(h) // none yet, soon after the start
	s.Service = service(ctx, h, s.Claimed)
	return s
}

// reach fills in the URLs, names before addresses.
func (s *Status) reach(c *spec.Config) {
	names := append([]string{}, c.Names...)
	list, err := net.InterfaceAddrs()
	if err == nil {
		var six []string
		for _, a := range list {
			n, ok := a.(*net.IPNet)
			switch {
			case !ok || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast():
			case n.IP.To4() != nil:
				names = append(names, n.IP.String())
			default:
				six = append(six, n.IP.String())
			}
		}
		names = append(names, six...)
	}
	for _, n := range names {
		if strings.Contains(n, ":") {
			n = "[" + n + "]"
		}
		s.URLs = append(s.URLs, "https://"+n+"/")
	}
	if s.Claimed && len(names) > 0 {
		s.People = "https://" + net.JoinHostPort(names[0], spec.WebPort) + "/"
	}
}

// fingerprint is that of the own authority, as the set-up page left it.
func fingerprint(h *host.Host) string {
	text, err := h.ReadFile(host.CAFile)
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return ""
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return ""
	}
	return localca.Fingerprint(block.Bytes)
}

func service(ctx context.Context, h *host.Host, claimed bool) string {
	unit := "mucura-setup.service"
	if claimed {
		unit = "mucurad.service"
	}
	// is-active exits with 3 for what does not run, and prints its state.
	out, _ := h.Do(ctx, "systemctl", "is-active", unit)
	if state := strings.TrimSpace(string(out)); state != "" {
		return state
	}
	return "unknown"
}

// Text draws the status.
func (s *Status) Text() string {
	var b strings.Builder
	slot := "boot medium"
	if s.Slot != "" {
		slot = "slot " + s.Slot
	}
	fmt.Fprintf(&b, "Mucura %s (%s) on %s\n\n", clean(s.Version), slot, clean(s.Hostname))
	switch {
	case !s.Claimed:
		b.WriteString("This appliance belongs to nobody yet. Set it up in a browser:\n\n")
		s.urls(&b)
		fmt.Fprintf(&b, "\n  Set-up code  %s\n", s.Code)
	case s.Service == "active":
		b.WriteString("The repository is running:\n\n")
		s.urls(&b)
		fmt.Fprintf(&b, "  For people   %s\n", clean(s.People))
	default:
		fmt.Fprintf(&b, "The repository is not running (%s).\n\n", clean(s.Service))
		s.urls(&b)
	}
	if s.Fingerprint != "" {
		// Two lines, so that a screen of 80 columns does not break it elsewhere.
		fmt.Fprintf(&b, "\n  Certificate authority, SHA-256\n    %s\n    %s\n", s.Fingerprint[:48], s.Fingerprint[48:])
	}
	fmt.Fprintf(&b, "\n  Data disk    %s\n", s.diskLine())
	if s.Problem != "" {
		fmt.Fprintf(&b, "\n  ! %s\n", strings.ReplaceAll(clean(s.Problem), "\n", "\n    "))
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(&b, "  ! %s\n", clean(w.Text))
	}
	return b.String()
}

func (s *Status) urls(b *strings.Builder) {
	if len(s.URLs) == 0 {
		b.WriteString("  URL          no network yet: is a cable in?\n")
	}
	for i, u := range s.URLs {
		if i == 6 {
			break
		}
		fmt.Fprintf(b, "  URL          %s\n", clean(u))
	}
}

func (s *Status) diskLine() string {
	d := s.Disk
	line := strings.Join(d.Devices, " + ")
	switch d.State {
	case disks.OK:
		line = "good, " + line
		if len(d.Devices) > 1 {
			line += " (mirrored)"
		}
	case disks.Degraded:
		line = "DEGRADED, " + line
	case disks.Volatile:
		line = "NONE: everything is lost when the machine stops"
	case disks.Conflict:
		line = "CONFLICT: everything is lost when the machine stops"
	default:
		line = d.State
	}
	if d.Message != "" {
		line += "\n               " + clean(d.Message)
	}
	return line
}

// clean takes control characters out of what others wrote: a host name from
// DHCP, a disk's label. They could redraw the screen.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
