package app

import "time"

// WatchCertificates shows in the metrics when the first of the certificates
// that expiries tells about ends. Call it once, before serving.
func (a *App) WatchCertificates(expiries func() map[string]time.Time) {
	a.metrics.Gauge("mucura_certificate_end_seconds", "When the first of the TLS certificates ends, Unix time; 0: one is not obtained yet.", func() float64 {
		first := -1.0
		for _, end := range expiries() {
			at := 0.0
			if !end.IsZero() {
				at = float64(end.Unix())
			}
			if first < 0 || at < first {
				first = at
			}
		}
		return max(first, 0)
	})
}
