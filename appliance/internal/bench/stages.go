package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"sort"
	"strings"
	"time"
)

// stages tells which functions belong to which part of a request; of a stack,
// the innermost frame that matches decides.
var stages = []struct{ name, match string }{
	{"digests (MD5, SHA-256, CRC)", "crypto/md5. crypto/sha256. internal/fips140/sha256 hash/crc32 crc64nvme"},
	{"metadata (SQLite)", "adapters/sqlite go-sqlite3"},
	{"content (files)", "adapters/localfs spf13/afero"},
	{"signature", "core/sigv4"},
	{"authorization", "core/access core/accounts"},
	{"quota", "core/quota"},
	{"records (encode, decode)", "core/catalog"},
	{"repository", "core/repo core/vcache"},
	{"S3 front (parse, headers, XML)", "core/s3. core/s3err core/lifecycle core/cors encoding/xml"},
	{"log and metrics", "core/app.(*App).observe core/obs core/audit log/slog"},
	{"HTTP (net/http, sockets)", "net/http. net/textproto. bufio. net.(* net.sendFile"},
}

// breakdown prints how a profile's CPU time divides among the stages.
func breakdown(profile string) error {
	out, err := exec.Command("go", "tool", "pprof", "-traces", profile).Output()
	if err != nil {
		return fmt.Errorf("go tool pprof: %w", err)
	}
	sums := map[string]time.Duration{}
	var total, value time.Duration
	var frames []string
	flush := func() {
		if len(frames) > 0 {
			sums[stageOf(frames)] += value
			total += value
		}
		frames = nil
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		text := lines.Text()
		if strings.HasPrefix(text, "-----------+") {
			flush()
			continue
		}
		fields := strings.Fields(text)
		if len(frames) == 0 && len(fields) >= 2 {
			if d, err := time.ParseDuration(fields[0]); err == nil {
				value, frames = d, []string{strings.Join(fields[1:], " ")}
			}
		} else if len(frames) > 0 && len(fields) > 0 {
			frames = append(frames, strings.Join(fields, " "))
		}
	}
	flush()
	names := make([]string, 0, len(sums))
	for name := range sums {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return sums[names[i]] > sums[names[j]] })
	for _, name := range names {
		fmt.Printf("    %5.1f %%  %s\n", 100*float64(sums[name])/float64(total), name)
	}
	return lines.Err()
}

func stageOf(frames []string) string {
	for _, f := range frames {
		for _, s := range stages {
			for m := range strings.FieldsSeq(s.match) {
				if strings.Contains(f, m) {
					return s.name
				}
			}
		}
	}
	return "runtime (scheduler, garbage collector)"
}
