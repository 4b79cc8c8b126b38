package app

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/s3"
	"github.com/mucura/mucura/core/s3err"
)

// metrics are the figures of one process.
type metrics struct {
	obs.Metrics
	requests, errors, in, out, refused *obs.Counter
	authFailures, slowed               *obs.Counter
	jobs, damaged                      *obs.Counter
	seconds                            *obs.Histogram
}

func newMetrics(a *App) *metrics {
	m := &metrics{}
	m.requests = m.NewCounter("mucura_requests_total", "Finished requests by operation and status.", "op", "status")
	m.errors = m.NewCounter("mucura_errors_total", "Requests that ended with an S3 error, by code.", "code")
	m.in = m.NewCounter("mucura_received_bytes_total", "Payload bytes received.")
	m.out = m.NewCounter("mucura_sent_bytes_total", "Payload bytes sent.")
	m.refused = m.NewCounter("mucura_refused_total", "Requests refused because too many were being served.")
	m.authFailures = m.NewCounter("mucura_auth_failures_total", "Proofs of identity that failed, by error code and, of a certificate, reason.", "code", "reason")
	m.slowed = m.NewCounter("mucura_slowed_total", "Tries refused because too many had failed before, by kind.", "kind")
	m.jobs = m.NewCounter("mucura_jobs_total", "Runs of scheduled jobs by outcome: done, paused, skipped or failed.", "job", "outcome")
	m.damaged = m.NewCounter("mucura_scrub_damaged_total", "Damaged contents that scrubbing found.")
	m.seconds = m.NewHistogram("mucura_request_seconds", "Time from the request's header to the end of the answer.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}, "op")
	m.Gauge("mucura_requests_in_flight", "Requests being served.", func() float64 { return float64(len(a.slots)) })
	if space, ok := content.As[content.Space](a.Stores.Content); ok {
		m.Gauge("mucura_content_free_bytes", "Room left in the content store.", func() float64 {
			free, _, err := space.Space(context.Background())
			if err != nil {
				return math.NaN()
			}
			return float64(free)
		})
	}
	if a.Config.AuditLog != "off" {
		m.Gauge("mucura_audit_lost_bytes", "Bytes of audit events lost because the disk took none.", func() float64 { return float64(a.Audit.Lost()) })
	}
	scrub := &scrubFigures{app: a}
	m.Gauge("mucura_damaged_contents", "Damaged contents that scrubbing found and nobody has put right, 1000 at most.", func() float64 { return scrub.read().damaged })
	m.Gauge("mucura_scrub_end_seconds", "When scrubbing last came to its end, Unix time; 0: never.", func() float64 { return scrub.read().ended })
	m.Gauge("go_goroutines", "Goroutines.", func() float64 { return float64(runtime.NumGoroutine()) })
	m.Gauge("go_memstats_heap_inuse_bytes", "Heap in use.", func() float64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return float64(s.HeapInuse)
	})
	return m
}

// countSlowed counts a request that was refused because of earlier ones.
func (a *App) countSlowed(err error) {
	var slowed *accounts.SlowedError
	if errors.As(err, &slowed) {
		a.metrics.slowed.Add(1, string(slowed.Kind))
	}
}

// observe counts and logs one finished request: one line each, never a
// signature, token or secret.
func (a *App) observe(e s3.Event) {
	e.Bucket, e.Host, e.UserAgent = audit.Clip(e.Bucket), audit.Clip(e.Host), audit.Clip(e.UserAgent)
	m := a.metrics
	m.requests.Add(1, e.Op, strconv.Itoa(e.Status))
	if e.Code != "" {
		m.errors.Add(1, e.Code)
	}
	m.in.Add(e.BytesIn)
	m.out.Add(e.BytesOut)
	m.seconds.Observe(e.Duration.Seconds(), e.Op)
	switch e.Code {
	case s3err.SignatureDoesNotMatch.Code, s3err.InvalidAccessKeyID.Code, s3err.InvalidToken.Code, s3err.ExpiredToken.Code:
		m.authFailures.Add(1, e.Code, "")
	}
	a.countSlowed(e.Err)
	a.Accounts.Used(e.AccessKeyID, e.Remote, e.UserAgent)
	a.recordRequest(&e)
	a.logRequest(e)
}
