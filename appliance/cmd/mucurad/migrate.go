package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/migrate"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/sse"
	"github.com/mucura/mucura/core/storewrap"
)

func reasonFlag(reason *string) func(*flag.FlagSet) {
	return func(fs *flag.FlagSet) {
		fs.StringVar(reason, "reason", "maintenance by the operator", "what people are told why")
	}
}

// migration is what the flags of migrate and compare say.
type migration struct {
	from, to struct{ metadata, content, registry string }
	state    string
	final    bool
	json     bool
	readData bool
	passes   int
	workers  int
}

func (m *migration) flags(fs *flag.FlagSet) {
	fs.StringVar(&m.from.metadata, "from-metadata", "", "metadata store to copy from, URL (default: --metadata)")
	fs.StringVar(&m.from.content, "from-content", "", "content store to copy from, URL (default: --content)")
	fs.StringVar(&m.from.registry, "from-registry", "", "registry to copy from, URL (default: --from-metadata, else --registry)")
	fs.StringVar(&m.to.metadata, "to-metadata", "", "metadata store to copy to, URL")
	fs.StringVar(&m.to.content, "to-content", "", "content store to copy to, URL")
	fs.StringVar(&m.to.registry, "to-registry", "", "registry to copy to, URL (default: --to-metadata)")
	fs.BoolVar(&m.json, "json", false, "print JSON lines")
	fs.BoolVar(&m.readData, "read-data", false, "compare every byte, too")
}

// fill takes what was not given from the settings.
func (m *migration) fill(c *config.Config) error {
	// The environment, unlike flags, is not seen by others of the machine.
	for name, s := range map[string]*string{
		"FROM_METADATA": &m.from.metadata, "FROM_CONTENT": &m.from.content, "FROM_REGISTRY": &m.from.registry,
		"TO_METADATA": &m.to.metadata, "TO_CONTENT": &m.to.content, "TO_REGISTRY": &m.to.registry,
	} {
		*s = cmp.Or(*s, os.Getenv("MUCURA_"+name))
	}
	if m.from.metadata == "" {
		m.from.registry = cmp.Or(m.from.registry, c.Registry)
	}
	m.from.metadata = cmp.Or(m.from.metadata, c.Metadata)
	m.from.content = cmp.Or(m.from.content, c.Content)
	m.from.registry = cmp.Or(m.from.registry, m.from.metadata)
	m.to.registry = cmp.Or(m.to.registry, m.to.metadata)
	if m.to.metadata == "" || m.to.content == "" {
		return errors.New("--to-metadata and --to-content (MUCURA_TO_METADATA, MUCURA_TO_CONTENT) say where to")
	}
	return nil
}

// side is one repository of a migration, open.
type side struct {
	app *app.App
	migrate.Side
}

// openSide opens the stores of one side; both use the source's site key.
func openSide(c *config.Config, metadata, registry, contents string) (*side, error) {
	stores, err := openStoresAt(metadata, registry, contents, nil)
	if err != nil {
		return nil, err
	}
	if stores.SiteKey, stores.OldSiteKeys, err = keysOf(c); err == nil {
		err = stores.Check(c)
	}
	if err != nil {
		return nil, errors.Join(err, stores.Close())
	}
	a := app.New(c, stores, obs.NewLog(os.Stderr, c.LogLevel))
	s := &side{app: a}
	s.Meta = &storewrap.Retry{Store: stores.Meta, Attempts: 8}
	s.Registry = s.Meta
	if stores.Registry != stores.Meta {
		s.Registry = &storewrap.Retry{Store: stores.Registry, Attempts: 8}
	}
	s.Content = &storewrap.RetryContent{Store: stores.Content, Attempts: 8}
	s.Repo = a.Bare()
	s.Repo.Meta, s.Repo.Registry, s.Repo.Content = s.Meta, s.Registry, s.Content
	return s, nil
}

// openBoth opens both sides of a migration.
func (m *migration) openBoth(c *config.Config) (from, to *side, err error) {
	if err := m.fill(c); err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(c.SiteKeyFile); err != nil && c.SiteKey == "" {
		return nil, nil, fmt.Errorf("the site key of the source: %w", err)
	}
	if isNew(m.from.metadata) {
		return nil, nil, fmt.Errorf("from: %w", noRepository(m.from.metadata))
	}
	if from, err = openSide(c, m.from.metadata, m.from.registry, m.from.content); err != nil {
		return nil, nil, fmt.Errorf("from: %w", err)
	}
	if to, err = openSide(c, m.to.metadata, m.to.registry, m.to.content); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("to: %w", err), from.app.Stores.Close())
	}
	return from, to, nil
}

func migrateStores(ctx context.Context, name string, args []string) error {
	m := &migration{}
	c, err := parse(name, args, func(fs *flag.FlagSet) {
		m.flags(fs)
		fs.StringVar(&m.state, "state", "", "directory that remembers what was copied (default: migration in the data directory)")
		fs.BoolVar(&m.final, "final", false, "make the source read-only, copy the rest and complete the target")
		fs.IntVar(&m.passes, "passes", 5, "most passes while the source takes writes; they end when one finds little changed")
		fs.IntVar(&m.workers, "workers", 16, "records copied at once")
	}, 0)
	if err != nil {
		return err
	}
	from, to, err := m.openBoth(c)
	if err != nil {
		return err
	}
	defer from.app.Stores.Close()
	defer to.app.Stores.Close()
	dir := cmp.Or(m.state, filepath.Join(c.Data, "migration"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	state, err := sqlite.Open(filepath.Join(dir, "state.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer state.Close()
	key, err := siteKeyOf(ctx, from)
	if err != nil {
		return err
	}
	show := newProgress(m.json)
	return m.run(ctx, from, show, &migrate.Migration{
		From: from.Side, To: to.Side, State: state, SiteKey: key, Now: time.Now, Log: from.app.Log, Workers: m.workers,
		Freeze: func(ctx context.Context) error {
			return startMaintenance(ctx, from.app.Stores, "the repository moves to other stores")
		},
		Progress: show.tell,
	})
}

// siteKeyOf names the site key, having seen that it opens the source's secrets.
func siteKeyOf(ctx context.Context, s *side) (string, error) {
	if err := s.Repo.Accounts.CheckSiteKey(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", app.ErrSiteKey, err)
	}
	key, err := (&sse.Site{Key: s.app.Stores.SiteKey}).Current()
	if err != nil {
		return "", err
	}
	return key.SiteID(), nil
}

// few is how many changed records a last pass over a read-only source may well have.
const few = 200

func (m *migration) run(ctx context.Context, from *side, show *progress, mg *migrate.Migration) error {
	if err := mg.Begin(ctx); err != nil {
		return err
	}
	for range m.passes {
		p, err := mg.Pass(ctx)
		if err != nil {
			return err
		}
		show.say("pass %d: %d records copied, %d removed, %d contents, %d bytes", p.Pass, p.Records, p.Deleted, p.Contents, p.Bytes)
		if p.Changes() <= few {
			break
		}
	}
	if !m.final {
		show.say("The copy is up to date but for what was written in the meantime. Run the same with --final to switch.")
		return nil
	}
	if err := mg.Final(ctx); err != nil {
		return err
	}
	show.say("The target is complete. The source stays read-only (mucurad maintenance off takes that back).\n"+
		"Secrets are sealed as they were: servers on the new stores need this site key, %s (key %s).", siteKeyPlace(from.app.Config), mg.SiteKey)
	return nil
}

func compareStores(ctx context.Context, name string, args []string) error {
	m := &migration{}
	c, err := parse(name, args, m.flags, 0)
	if err != nil {
		return err
	}
	a, b, err := m.openBoth(c)
	if err != nil {
		return err
	}
	defer a.app.Stores.Close()
	defer b.app.Stores.Close()
	enc := json.NewEncoder(os.Stdout)
	cmp := &migrate.Comparison{A: a.Side, B: b.Side, ReadData: m.readData, Difference: func(d migrate.Difference) {
		if m.json {
			_ = enc.Encode(d)
		} else {
			fmt.Println(d)
		}
	}}
	sum, err := cmp.Run(ctx)
	if err != nil {
		return err
	}
	if m.json {
		err = enc.Encode(sum)
	} else {
		fmt.Printf("%d buckets, %d versions, %d uploads with %d parts, %d bytes read on each side; %d differences\n",
			sum.Buckets, sum.Versions, sum.Uploads, sum.Parts, sum.Bytes, sum.Differences)
	}
	if err == nil && sum.Differences > 0 {
		err = fmt.Errorf("%d differences", sum.Differences)
	}
	return err
}

// progress shows how far a migration is: a line that is written over again on a
// terminal, JSON lines where they are wanted, and else nothing but sentences.
type progress struct {
	json, terminal bool
	began          time.Time
}

func newProgress(asJSON bool) *progress {
	info, err := os.Stdout.Stat()
	return &progress{json: asJSON || err == nil && info.Mode()&os.ModeCharDevice == 0, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0 && !asJSON, began: time.Now()}
}

func (p *progress) tell(m migrate.Progress) {
	switch {
	case p.terminal:
		const width = 30
		full := 0
		if m.Partitions > 0 {
			full = width * m.Done / m.Partitions
		}
		fmt.Printf("\r\x1b[K%-6s pass %d [%s%s] %d of %d partitions, %d records, %.1f MiB, %s", m.Phase, m.Pass,
			strings.Repeat("#", full), strings.Repeat(".", width-full), m.Done, m.Partitions, m.Records, float64(m.Bytes)/(1<<20), time.Since(p.began).Round(time.Second))
	case p.json:
		_ = json.NewEncoder(os.Stdout).Encode(m)
	}
}

func (p *progress) say(format string, args ...any) {
	switch text := fmt.Sprintf(format, args...); {
	case p.json:
		_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"message": text})
	default:
		fmt.Print("\r\x1b[K", text, "\n")
	}
}
