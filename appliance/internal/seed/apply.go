package seed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// Wish is what the seed says of fresh disks.
func (s *Seeder) Wish(ctx context.Context) (disks.Wish, error) {
	f, err := s.Find(ctx)
	if err != nil || f == nil {
		return disks.Wish{}, err
	}
	return disks.Wish{Disks: f.Config.Disk, Erase: f.Config.EraseDisk}, nil
}

// Outcome is what Apply did; it is left in host.SeedNote for the console.
type Outcome struct {
	// Source is where the configuration came from: appliance.yaml, a seed, or "".
	Source  string   `json:"source,omitempty"`
	Claimed bool     `json:"claimed"`
	Notes   []string `json:"notes,omitempty"`
	Problem string   `json:"problem,omitempty"` // why a seed or part of it was not applied
}

// Apply brings the stored configuration into the system, or while there is none
// that of a seed. A seed that names the administrator's keys claims the
// appliance; any other fills in the set-up page. Once claimed, seeds are not
// looked for any more. Only what makes mucurad impossible to start is an error.
func (s *Seeder) Apply(ctx context.Context) (*Outcome, error) {
	at := &site.Site{Host: s.Host, Log: s.Log}
	c, err := at.Load()
	out := &Outcome{Source: host.ConfigFile, Claimed: true}
	if errors.Is(err, fs.ErrNotExist) {
		c, out, err = s.fromSeed(ctx, at)
	}
	if err != nil {
		// Neither claimed nor free: nobody may take the appliance over because its
		// configuration is damaged.
		out = &Outcome{Claimed: true, Problem: err.Error()}
		return out, errors.Join(err, s.note(out))
	}
	if c != nil {
		if err := at.Apply(ctx, c, out.Claimed); err != nil {
			s.Log("%v", err)
			out.Problem = err.Error()
		}
		if out.Claimed {
			if err := at.Authority(ctx, c); err != nil {
				s.Log("certificate authority: %v", err)
			}
		}
	}
	return out, s.note(out)
}

// fromSeed applies a seed to an appliance nobody has claimed. Mistakes of the
// seed are told, and leave it unclaimed.
func (s *Seeder) fromSeed(ctx context.Context, at *site.Site) (*spec.Config, *Outcome, error) {
	f, err := s.Find(ctx)
	if err != nil {
		s.Log("%v", err)
		return nil, &Outcome{Problem: err.Error()}, nil
	}
	if f == nil {
		return nil, &Outcome{}, nil
	}
	out := &Outcome{Source: f.Source, Notes: f.Notes}
	for _, n := range f.Notes {
		s.Log("%s", n)
	}
	if !f.Config.Claims() {
		return f.Config, out, s.preset(f.Config)
	}
	if _, err := at.Claim(ctx, f.Config); err != nil {
		s.Log("claim: %v", err)
		out.Problem = err.Error()
		return f.Config, out, s.preset(f.Config)
	}
	out.Claimed = true
	return f.Config, out, nil
}

// preset keeps an incomplete seed for the set-up page.
func (s *Seeder) preset(c *spec.Config) error {
	text, err := c.Kept().Text()
	if err != nil {
		return err
	}
	return s.Host.WriteFile(host.PresetFile, text, 0o600)
}

func (s *Seeder) note(o *Outcome) error {
	b, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	return s.Host.WriteFile(host.SeedNote, append(b, '\n'), 0o600)
}

// Noted gives what Apply did at this start.
func Noted(h *host.Host) (*Outcome, error) {
	b, err := h.ReadFile(host.SeedNote)
	if err != nil {
		return nil, err
	}
	o := new(Outcome)
	return o, json.Unmarshal(b, o)
}

// Check reads a seed file as the appliance would: a mucura.yaml, or cloud-init's
// user data when it begins so.
func Check(path string) (*Found, error) {
	text, err := host.ReadLimited(path, spec.MaxSize)
	if err != nil {
		return nil, err
	}
	f, err := userData(text)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", filepath.Base(path), err)
	}
	return f, f.Config.Check()
}
