package obs

import (
	"strings"
	"sync"
	"testing"
)

func TestTextFormat(t *testing.T) {
	var m Metrics
	c := m.NewCounter("mucura_requests_total", "Requests.", "op", "code")
	h := m.NewHistogram("mucura_seconds", "Time.", []float64{0.1, 1}, "op")
	m.Gauge("mucura_up", "One.", func() float64 { return 1 })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c.Add(1, "GetObject", "200")
				h.Observe(0.5, "Get\"Object")
			}
		})
	}
	wg.Wait()
	h.Observe(3, "Get\"Object")
	var b strings.Builder
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# TYPE mucura_requests_total counter\nmucura_requests_total{op=\"GetObject\",code=\"200\"} 800\n",
		"mucura_seconds_bucket{op=\"Get\\\"Object\",le=\"0.1\"} 0\n",
		"mucura_seconds_bucket{op=\"Get\\\"Object\",le=\"1\"} 800\n",
		"mucura_seconds_bucket{op=\"Get\\\"Object\",le=\"+Inf\"} 801\n",
		"mucura_seconds_sum{op=\"Get\\\"Object\"} 403\n",
		"mucura_seconds_count{op=\"Get\\\"Object\"} 801\n",
		"mucura_up 1\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing %q in\n%s", want, b.String())
		}
	}
}
