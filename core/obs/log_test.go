package obs

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]int{"debug": 3, "info": 2, "warn": 1, "error": 0, "nonsense": 2} {
		var b bytes.Buffer
		log := NewLog(&b, level)
		log.Debug("d", "key", "a\nb\x00\xff")
		log.Info("i", "key", "a\nb\x00\xff")
		log.Warn("w", "key", "a\nb\x00\xff")
		lines := bytes.Split(bytes.TrimSpace(b.Bytes()), []byte("\n"))
		if want == 0 {
			if b.Len() != 0 {
				t.Errorf("%s: %s", level, b.Bytes())
			}
			continue
		}
		if len(lines) != want {
			t.Errorf("%s: %d lines, want %d", level, len(lines), want)
		}
		for _, line := range lines { // whatever a key holds, one event is one line of JSON
			var v map[string]any
			if err := json.Unmarshal(line, &v); err != nil {
				t.Errorf("%s: %q: %v", level, line, err)
			}
		}
	}
}
