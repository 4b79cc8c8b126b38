package watch

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/keep"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// Watcher looks the machine over.
type Watcher struct {
	Host   *host.Host
	Disks  *disks.Manager
	Config *spec.Config // nil while the appliance is unclaimed
	// Endpoint is where the server's certificate is looked at, host:port.
	Endpoint string
	// Log takes what happens, one line each.
	Log func(format string, args ...any)

	tls *tls.Config // of the mail server; nil trusts the system's authorities
}

// check looks at one thing and gives its warnings.
type check struct {
	name string
	run  func(context.Context) ([]Warning, error)
}

func (w *Watcher) checks() []check {
	list := []check{
		{"disk", w.disk},
		{"mirror", w.mirror},
		{"space", w.space},
		{"smart", w.smart},
		{"clock", w.clock},
	}
	if w.Config != nil {
		list = append(list, check{"certificate", w.certificate}, check{"backup", w.backup})
	}
	return list
}

// Look runs all checks, keeps the warnings in host.Warnings and tells about new
// ones, and of those that are over. A check that cannot be made is a warning, too.
func (w *Watcher) Look(ctx context.Context) ([]Warning, error) {
	before, err := Read(w.Host)
	if err != nil {
		w.Log("former warnings: %v", err)
	}
	var now []Warning
	for _, c := range w.checks() {
		found, err := c.run(ctx)
		if err != nil {
			found = append(found, Warning{ID: c.name + "-unknown", Level: Minor, Text: fmt.Sprintf("the %s cannot be checked: %v", c.name, err)})
		}
		now = append(now, found...)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	fresh, over := settle(before, now, w.Host.Now().UTC().Truncate(time.Second))
	b, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := w.Host.WriteFile(host.Warnings, append(b, '\n'), 0o644); err != nil {
		return nil, err
	}
	for _, x := range fresh {
		w.Log("%s: %s", strings.ToUpper(x.Level), x.Text)
	}
	for _, x := range over {
		w.Log("over: %s", x.Text)
	}
	return now, w.tell(ctx, fresh, over)
}

// settle gives each warning the time since when it lasts, and tells which are
// new and which are over.
func settle(before, now []Warning, at time.Time) (fresh, over []Warning) {
	for i := range now {
		j := slices.IndexFunc(before, func(x Warning) bool { return x.ID == now[i].ID })
		if j >= 0 {
			now[i].Since = before[j].Since
			continue
		}
		now[i].Since = at
		fresh = append(fresh, now[i])
	}
	for _, x := range before {
		if !slices.ContainsFunc(now, func(y Warning) bool { return y.ID == x.ID }) {
			over = append(over, x)
		}
	}
	return fresh, over
}

// disk tells what "disks prepare" and the kernel know of the data disk.
func (w *Watcher) disk(ctx context.Context) ([]Warning, error) {
	st, err := disks.Recorded(w.Host)
	if err != nil {
		return nil, err
	}
	if st.State == disks.OK && len(st.Devices) > 0 {
		if st, err = w.Disks.Inspect(ctx); err != nil {
			return nil, err
		}
		if err := w.Disks.Record(st); err != nil {
			return nil, err
		}
	}
	switch st.State {
	case disks.OK:
		return nil, nil
	case disks.Degraded:
		return []Warning{{ID: "disk-degraded", Level: Critical, Text: st.Message}}, nil
	}
	return []Warning{{ID: "disk-" + st.State, Level: Critical, Text: "everything is lost when the machine stops: " + st.Message}}, nil
}

// mirror tells of btrfs's error counters.
func (w *Watcher) mirror(ctx context.Context) ([]Warning, error) {
	st, err := disks.Recorded(w.Host)
	if err != nil || len(st.Devices) == 0 || st.State == disks.Volatile || st.State == disks.Conflict {
		return nil, err
	}
	stats, err := w.Disks.Stats(ctx)
	if err != nil {
		return nil, err
	}
	var list []Warning
	for dev, n := range stats {
		if n > 0 {
			list = append(list, Warning{ID: "btrfs-" + dev, Level: Critical,
				Text: fmt.Sprintf("%s has had %d errors: run \"scrub\", and replace it if there are more", dev, n)})
		}
	}
	slices.SortFunc(list, func(a, b Warning) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// Shares of the data disk in use, per cent.
const (
	fullSoon = 85
	full     = 95
)

func (w *Watcher) space(context.Context) ([]Warning, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(w.Host.Path(host.Data), &st); err != nil {
		return nil, err
	}
	return spaceWarning(st.Blocks, st.Bavail), nil
}

func spaceWarning(blocks, free uint64) []Warning {
	if blocks == 0 {
		return nil
	}
	used := 100 - int(free*100/blocks)
	switch {
	case used >= full:
		return []Warning{{ID: "space-full", Level: Critical, Text: fmt.Sprintf("the data disk is full (%d %%): uploads are refused soon or already", used)}}
	case used >= fullSoon:
		return []Warning{{ID: "space-soon", Level: Minor, Text: fmt.Sprintf("the data disk is %d %% full", used)}}
	}
	return nil
}

// smart asks every disk how it does.
func (w *Watcher) smart(ctx context.Context) ([]Warning, error) {
	inv, err := disks.List(ctx, w.Host)
	if err != nil {
		return nil, err
	}
	var list []Warning
	for i := range inv {
		d := &inv[i]
		if d.Kind != "disk" || d.Size == 0 {
			continue
		}
		// The exit status is a set of bits about the disk; the text has it all.
		out, err := w.Host.Do(ctx, "smartctl", "--json", "--health", "--attributes", d.Path)
		var exit *host.ExitError
		if err != nil && !errors.As(err, &exit) {
			return list, err
		}
		list = append(list, smartWarnings(d, out)...)
	}
	return list, nil
}

// smartReport is what of smartctl's report is looked at.
type smartReport struct {
	Status *struct {
		Passed bool `json:"passed"`
	} `json:"smart_status"`
	NVMe *struct {
		Critical    int   `json:"critical_warning"`
		Used        int   `json:"percentage_used"`
		MediaErrors int64 `json:"media_errors"`
	} `json:"nvme_smart_health_information_log"`
	ATA *struct {
		Table []struct {
			ID  int `json:"id"`
			Raw struct {
				Value int64 `json:"value"`
			} `json:"raw"`
		} `json:"table"`
	} `json:"ata_smart_attributes"`
}

// telling are the ATA attributes whose raw value should be zero.
var telling = map[int]string{5: "reallocated sectors", 197: "pending sectors", 198: "uncorrectable sectors"}

// smartWarnings reads a report. Virtual disks have none, which is no warning.
func smartWarnings(d *disks.Device, report []byte) []Warning {
	var r smartReport
	if json.Unmarshal(report, &r) != nil {
		return nil
	}
	var list []Warning
	add := func(id, level, text string) {
		list = append(list, Warning{ID: "smart-" + d.Name() + "-" + id, Level: level, Text: d.String() + ": " + text})
	}
	if r.Status != nil && !r.Status.Passed {
		add("failing", Critical, "is about to fail, says the disk itself: replace it")
	}
	if n := r.NVMe; n != nil {
		if n.Critical != 0 {
			add("critical", Critical, fmt.Sprintf("critical warning %#x", n.Critical))
		}
		if n.MediaErrors > 0 {
			add("media", Minor, fmt.Sprintf("%d media errors", n.MediaErrors))
		}
		if n.Used >= 90 {
			add("worn", Minor, fmt.Sprintf("%d %% of its life is used", n.Used))
		}
	}
	if r.ATA != nil {
		for _, a := range r.ATA.Table {
			if name := telling[a.ID]; name != "" && a.Raw.Value > 0 {
				add(fmt.Sprint(a.ID), Minor, fmt.Sprintf("%d %s", a.Raw.Value, name))
			}
		}
	}
	return list
}

// clock asks chrony. A clock minutes off makes every signature invalid.
func (w *Watcher) clock(ctx context.Context) ([]Warning, error) {
	out, err := w.Host.Do(ctx, "chronyc", "-c", "tracking")
	if err != nil {
		return nil, err
	}
	fields := strings.Split(strings.TrimSpace(string(out)), ",")
	if leap := fields[len(fields)-1]; leap == "Not synchronised" {
		return []Warning{{ID: "clock", Level: Minor, Text: "the clock is not synchronised: signatures fail when it is minutes off; set time servers"}}, nil
	}
	return nil, nil
}

// certificateSoon is before when a certificate should have been renewed: the
// own authority's at ten days, ACME's at thirty.
const certificateSoon = 7 * 24 * time.Hour

func (w *Watcher) certificate(ctx context.Context) ([]Warning, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{InsecureSkipVerify: true}} // only its end is looked at
	if w.Config != nil && len(w.Config.Names) > 0 {
		d.Config.ServerName = w.Config.Names[0]
	}
	conn, err := d.DialContext(ctx, "tcp", w.Endpoint)
	if err != nil {
		return nil, err
	}
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	if err := conn.Close(); err != nil {
		return nil, err
	}
	left := leaf.NotAfter.Sub(w.Host.Now())
	switch {
	case left <= 0:
		return []Warning{{ID: "certificate-expired", Level: Critical, Text: "the certificate has expired on " + leaf.NotAfter.Format(time.DateOnly)}}, nil
	case left < certificateSoon:
		return []Warning{{ID: "certificate-soon", Level: Minor, Text: "the certificate expires on " + leaf.NotAfter.Format(time.DateOnly) + " and is not renewed"}}, nil
	}
	return nil, nil
}

// backupOld is how old the last backup may be: a night may fail once.
const backupOld = 50 * time.Hour

func (w *Watcher) backup(context.Context) ([]Warning, error) {
	n, err := keep.ReadNote(w.Host)
	if err != nil {
		return nil, err
	}
	var list []Warning
	if n.Started.IsZero() || n.Problem == keep.ErrNowhere.Error() {
		list = append(list, Warning{ID: "backup-none", Level: Minor, Text: "there is no backup: attach a disk labelled MUCURA-BACKUP, or configure a bucket or restic"})
	} else if n.Problem != "" {
		list = append(list, Warning{ID: "backup-failed", Level: Critical, Text: "the last backup failed: " + n.Problem})
	}
	for what, last := range map[string]time.Time{"disk": n.Disk, "bucket": n.S3, "restic repository": n.Restic} {
		if !last.IsZero() && w.Host.Now().Sub(last) > backupOld {
			list = append(list, Warning{ID: "backup-old-" + strings.Fields(what)[0], Level: Critical,
				Text: fmt.Sprintf("the last good backup to the %s is of %s", what, last.Format(time.DateOnly))})
		}
	}
	slices.SortFunc(list, func(a, b Warning) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}
