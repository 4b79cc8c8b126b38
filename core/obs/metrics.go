// Package obs is what an operator sees of the server: metrics in the
// Prometheus text format, and the log.
package obs

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Metrics is a set of metrics. The zero value is empty and ready.
type Metrics struct {
	mu      sync.Mutex
	writers []func(io.Writer)
}

func (m *Metrics) add(w func(io.Writer)) {
	m.mu.Lock()
	m.writers = append(m.writers, w)
	m.mu.Unlock()
}

// WriteTo writes all metrics in the Prometheus text format, version 0.0.4.
func (m *Metrics) WriteTo(w io.Writer) (int64, error) {
	m.mu.Lock()
	writers := slices.Clone(m.writers)
	m.mu.Unlock()
	var b strings.Builder
	for _, write := range writers {
		write(&b)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func header(w io.Writer, name, help, kind string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// labels formats pairs of names and values as {a="b"}.
func labels(names, values []string) string {
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	for i, n := range names {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(n + "=" + strconv.Quote(values[i]))
	}
	return b.String() + "}"
}

// Counter is a family of counters told apart by label values.
type Counter struct {
	names []string
	cells sync.Map // joined label values -> *counterCell
}

type counterCell struct {
	values []string
	n      atomic.Int64
}

// NewCounter adds a family of counters. By convention its name ends in _total.
func (m *Metrics) NewCounter(name, help string, labelNames ...string) *Counter {
	c := &Counter{names: labelNames}
	m.add(func(w io.Writer) {
		header(w, name, help, "counter")
		for _, key := range sortedKeys(&c.cells) {
			v, _ := c.cells.Load(key)
			cell := v.(*counterCell)
			fmt.Fprintf(w, "%s%s %d\n", name, labels(c.names, cell.values), cell.n.Load())
		}
	})
	return c
}

// Add counts n more under the label values, given in the order of the names.
func (c *Counter) Add(n int64, values ...string) {
	key := strings.Join(values, "\xff")
	v, ok := c.cells.Load(key)
	if !ok {
		v, _ = c.cells.LoadOrStore(key, &counterCell{values: slices.Clone(values)})
	}
	v.(*counterCell).n.Add(n)
}

// Histogram counts observations in seconds into buckets.
type Histogram struct {
	bounds []float64
	names  []string
	cells  sync.Map
}

type histogramCell struct {
	values []string
	counts []atomic.Int64
	sum    atomic.Uint64 // bits of a float64
}

// NewHistogram adds a family of histograms with the given upper bounds, ascending.
func (m *Metrics) NewHistogram(name, help string, bounds []float64, labelNames ...string) *Histogram {
	h := &Histogram{bounds: bounds, names: labelNames}
	m.add(func(w io.Writer) {
		header(w, name, help, "histogram")
		for _, key := range sortedKeys(&h.cells) {
			v, _ := h.cells.Load(key)
			h.write(w, name, v.(*histogramCell))
		}
	})
	return h
}

func (h *Histogram) write(w io.Writer, name string, cell *histogramCell) {
	names := append(slices.Clone(h.names), "le")
	var total int64
	for i := range cell.counts {
		total += cell.counts[i].Load()
		le := "+Inf"
		if i < len(h.bounds) {
			le = strconv.FormatFloat(h.bounds[i], 'g', -1, 64)
		}
		fmt.Fprintf(w, "%s_bucket%s %d\n", name, labels(names, append(slices.Clone(cell.values), le)), total)
	}
	l := labels(h.names, cell.values)
	fmt.Fprintf(w, "%s_sum%s %g\n%s_count%s %d\n", name, l, math.Float64frombits(cell.sum.Load()), name, l, total)
}

// Observe records one value.
func (h *Histogram) Observe(v float64, values ...string) { h.With(values...).Observe(v) }

// With gives the histogram of some label values, for who observes often.
func (h *Histogram) With(values ...string) *Observer {
	key := strings.Join(values, "\xff")
	c, ok := h.cells.Load(key)
	if !ok {
		c, _ = h.cells.LoadOrStore(key, &histogramCell{values: slices.Clone(values), counts: make([]atomic.Int64, len(h.bounds)+1)})
	}
	return &Observer{h.bounds, c.(*histogramCell)}
}

// Observer is one histogram of a family.
type Observer struct {
	bounds []float64
	cell   *histogramCell
}

// Observe records one value.
func (o *Observer) Observe(v float64) {
	cell := o.cell
	i, _ := slices.BinarySearch(o.bounds, v)
	cell.counts[i].Add(1)
	for {
		old := cell.sum.Load()
		if cell.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// Gauge adds a value that is read when the metrics are.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.add(func(w io.Writer) {
		header(w, name, help, "gauge")
		fmt.Fprintf(w, "%s %g\n", name, read())
	})
}

func sortedKeys(m *sync.Map) []string {
	var keys []string
	m.Range(func(k, _ any) bool { keys = append(keys, k.(string)); return true })
	slices.Sort(keys)
	return keys
}
