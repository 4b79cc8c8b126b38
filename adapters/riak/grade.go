package riak

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// ready waits until the cluster writes: for the first ten seconds or so after
// its start a node answers /ping, and 500 to everything else. It fails at once
// when the bucket type is not there, or would lose collisions.
func (c *client) ready(ctx context.Context) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := c.checkType(ctx)
		if err == nil {
			err = c.ping(ctx)
		}
		if err == nil || errors.Is(err, errSettings) {
			return err
		}
		c.opts.Log.WarnContext(ctx, "riak is not ready", slog.Any("error", err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("riak is not ready: %w: %w", meta.ErrUnavailable, err)
		}
	}
}

// errSettings: the cluster is not set up as it must be.
var errSettings = errors.New("riak is not set up for Mucura")

func (c *client) checkType(ctx context.Context) error {
	a, err := c.do(ctx, &request{method: http.MethodGet, path: "/types/" + c.opts.Type + "/props", header: http.Header{}})
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound:
		return fmt.Errorf("%w: no bucket type %q", errSettings, c.opts.Type)
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusUpgradeRequired:
		return fmt.Errorf("%w: %w", errSettings, a.refusal())
	case a.status != http.StatusOK:
		return a.refusal()
	}
	var answer struct {
		Props struct {
			AllowMult     bool `json:"allow_mult"`
			LastWriteWins bool `json:"last_write_wins"`
			NVal          int  `json:"n_val"`
		} `json:"props"`
	}
	if err := json.Unmarshal(a.body, &answer); err != nil {
		return fmt.Errorf("%w: %w", errRiak, err)
	}
	if p := answer.Props; !p.AllowMult || p.LastWriteWins || p.NVal < 1 {
		return fmt.Errorf("%w: bucket type %q has allow_mult=%v last_write_wins=%v, want true and false",
			errSettings, c.opts.Type, p.AllowMult, p.LastWriteWins)
	}
	return nil
}

// ping reads an object and writes it, whoever else does.
func (c *client) ping(ctx context.Context) error {
	b := c.bucket("ping")
	o, err := b.get(ctx, "ping", readRange{head: true})
	if err != nil {
		return err
	}
	_, err = b.put(ctx, "ping", o.prior(), &value{meta: "ping", body: []byte("ping")}, false)
	if errors.Is(err, errChanged) {
		return nil
	}
	return err
}

// Racers and rounds of trying out conditions. Where none are kept, two of six
// that start together practically always both win.
const (
	gradeRacers = 6
	gradeRounds = 2
)

// grade tells what conditions are worth. Riak does not tell its
// conditional_put_mode over HTTP, and each node has its own, so racers try on
// every node that can be reached.
func (c *client) grade(ctx context.Context) (meta.Level, error) {
	switch c.opts.CAS {
	case "none":
		return meta.None, nil
	case "when-healthy":
		return meta.WhenHealthy, nil
	}
	tried := 0
	for _, n := range c.nodes.all {
		one := &client{opts: c.opts, http: c.http}
		one.nodes.all = []*node{n}
		for range gradeRounds {
			winners, err := one.race(ctx)
			if ctx.Err() != nil {
				return meta.None, ctx.Err()
			}
			if err != nil {
				c.opts.Log.WarnContext(ctx, "conditions could not be tried out on riak node", slog.String("node", n.host), slog.Any("error", err))
				break
			}
			if winners != 1 {
				c.opts.Log.WarnContext(ctx, "riak does not keep conditions: conditional requests get 501; set conditional_put_mode = prefer_token on every node",
					slog.String("node", n.host), slog.Int("winners", winners))
				return meta.None, nil
			}
			tried++
		}
	}
	if tried == 0 {
		return meta.None, fmt.Errorf("riak: conditions could not be tried out: %w", meta.ErrUnavailable)
	}
	return meta.WhenHealthy, nil
}

// race has several writers replace one object, and tells how many could.
func (c *client) race(ctx context.Context) (winners int, err error) {
	b, key := c.bucket("probe"), rand.Text()
	if _, err := b.put(ctx, key, prior{}, &value{meta: "probe", body: []byte("0")}, false); err != nil {
		return 0, err
	}
	o, err := b.get(ctx, key, readRange{head: true})
	if err != nil {
		return 0, err
	}
	errs := make([]error, gradeRacers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = b.put(ctx, key, o.prior(), &value{meta: "probe", body: []byte{'1' + byte(i)}}, false)
		})
	}
	wg.Wait()
	var failed []error
	for _, e := range errs {
		switch {
		case e == nil:
			winners++
		case !errors.Is(e, errChanged):
			failed = append(failed, e)
		}
	}
	if o, err := b.get(ctx, key, readRange{}); err == nil {
		_ = b.delete(ctx, key, o) // a random key never comes back
	}
	if winners > 1 {
		return winners, nil
	}
	return winners, errors.Join(failed...)
}
