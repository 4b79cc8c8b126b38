package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// benchCase is one row: an operation repeated ops times, or a figure.
type benchCase struct {
	name      string
	ops       int
	elsewhere int // ops on a server that is not ours, 0: as many
	prepare   func(ctx context.Context, s *server, o options) error
	before    func(ctx context.Context, s *server, o options, round, n int) error
	op        func(ctx context.Context, s *server, round, i int) error
	figure    func(ctx context.Context, s *server, o options) (float64, error)
}

const bucket = "bench"

// payload has random bytes by size, for the sizes makePayload was asked for.
var payload = map[int][]byte{}

func makePayload(sizes ...int) {
	for _, n := range sizes {
		payload[n] = make([]byte, n)
		rand.Read(payload[n])
	}
}

func cases() []benchCase {
	return []benchCase{
		{name: "PUT 4 KiB", ops: 4000, prepare: makeBucket, op: put(4<<10, "put/4k/%d/%d")},
		{name: "GET 4 KiB", ops: 8000, prepare: fill(4<<10, "get/4k", 100), op: get("get/4k", 100, 4<<10)},
		{name: "HEAD", ops: 8000, prepare: fill(4<<10, "get/4k", 100), op: head("get/4k", 100)},
		{name: "DELETE", ops: 3000, prepare: makeBucket, before: fillRound(4 << 10), op: remove},
		{name: "PUT 1 MiB", ops: 200, prepare: makeBucket, op: put(1<<20, "put/1m/%d/%d")},
		{name: "PUT 16 MiB", ops: 24, prepare: makeBucket, op: put(16<<20, "put/16m/%d/%d")},
		{name: "GET 1 MiB", ops: 1000, prepare: fill(1<<20, "get/1m", 8), op: get("get/1m", 8, 1<<20)},
		{name: "GET 16 MiB", ops: 80, prepare: fill(16<<20, "get/16m", 4), op: get("get/16m", 4, 16<<20)},
		{name: "range of 64 KiB in 1 MiB", ops: 4000, prepare: fill(1<<20, "get/1m", 8), op: rangeGet("get/1m", 8)},
		{name: "LIST 1000 keys of 20,000", ops: 100, prepare: fillList, op: list("list-type=2&prefix=list/", 1000, 0)},
		{name: "LIST one key among 20,000", ops: 1000, prepare: fillList, op: list("list-type=2&prefix=list/00/k012345", 1, 0)},
		{name: "LIST delimiter at the root", ops: 1000, prepare: fillList, op: list("list-type=2&delimiter=/&prefix=", -1, 1)},
		{name: "copy of 1 GiB", ops: 2000, elsewhere: 2, prepare: fillBig, op: copyBig},
		{name: "disk for a 4 KiB object, bytes", prepare: makeBucket, figure: diskFigure},
	}
}

func makeBucket(ctx context.Context, s *server, _ options) error {
	if s.state["bucket"] != "" {
		return nil
	}
	var err error
	for range 50 { // one that answers may not be ready yet
		if _, err = s.client.Must(ctx, "PUT", bucket, "", "", nil, 200); err == nil {
			s.state["bucket"] = "made"
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func put(size int, format string) func(context.Context, *server, int, int) error {
	return func(ctx context.Context, s *server, round, i int) error {
		_, err := s.client.Must(ctx, "PUT", bucket, fmt.Sprintf(format, round, i), "", payload[size], 200)
		return err
	}
}

// fill stores n objects below prefix once.
func fill(size int, prefix string, n int) func(context.Context, *server, options) error {
	return func(ctx context.Context, s *server, o options) error {
		if err := makeBucket(ctx, s, o); err != nil || s.state[prefix] != "" {
			return err
		}
		s.state[prefix] = "filled"
		return parallel(o.clients, n, func(i int) error {
			_, err := s.client.Must(ctx, "PUT", bucket, fmt.Sprintf("%s/%d", prefix, i), "", payload[size], 200)
			return err
		})
	}
}

func get(prefix string, n, size int) func(context.Context, *server, int, int) error {
	return func(ctx context.Context, s *server, _, i int) error {
		a, err := s.client.Must(ctx, "GET", bucket, fmt.Sprintf("%s/%d", prefix, i%n), "", nil, 200)
		if err == nil && !bytes.Equal(a.Body, payload[size]) {
			return fmt.Errorf("got %d other bytes", len(a.Body))
		}
		return err
	}
}

func rangeGet(prefix string, n int) func(context.Context, *server, int, int) error {
	return func(ctx context.Context, s *server, _, i int) error {
		from := (i * 7919) % (1<<20 - 64<<10)
		a, err := s.client.Do(ctx, "GET", bucket, fmt.Sprintf("%s/%d", prefix, i%n), "", nil, "Range", fmt.Sprintf("bytes=%d-%d", from, from+64<<10-1))
		if err == nil && (a.Status != 206 || !bytes.Equal(a.Body, payload[1<<20][from:from+64<<10])) {
			return fmt.Errorf("status %d, %d bytes", a.Status, len(a.Body))
		}
		return err
	}
}

func head(prefix string, n int) func(context.Context, *server, int, int) error {
	return func(ctx context.Context, s *server, _, i int) error {
		_, err := s.client.Must(ctx, "HEAD", bucket, fmt.Sprintf("%s/%d", prefix, i%n), "", nil, 200)
		return err
	}
}

func fillRound(size int) func(context.Context, *server, options, int, int) error {
	return func(ctx context.Context, s *server, o options, round, n int) error {
		return parallel(o.clients, n, func(i int) error {
			_, err := s.client.Must(ctx, "PUT", bucket, fmt.Sprintf("del/%d/%d", round, i), "", payload[size], 200)
			return err
		})
	}
}

func remove(ctx context.Context, s *server, round, i int) error {
	_, err := s.client.Must(ctx, "DELETE", bucket, fmt.Sprintf("del/%d/%d", round, i), "", nil, 204)
	return err
}

const listBucket = "benchlist"

// fillList makes 20,000 small objects in a bucket of their own.
func fillList(ctx context.Context, s *server, o options) error {
	if s.state["list"] != "" {
		return nil
	}
	s.state["list"] = "filled"
	if _, err := s.client.Must(ctx, "PUT", listBucket, "", "", nil, 200); err != nil {
		return err
	}
	return parallel(16, 20000, func(i int) error {
		_, err := s.client.Must(ctx, "PUT", listBucket, fmt.Sprintf("list/00/k%06d", i), "", []byte("x"), 200)
		return err
	})
}

// list checks that a page has the wanted keys (or at least, with -1, prefixes).
func list(query string, keys, prefixes int) func(context.Context, *server, int, int) error {
	return func(ctx context.Context, s *server, _, i int) error {
		q := query
		if keys == 1000 { // pages in the middle, not always the same
			q += fmt.Sprintf("&start-after=list/00/k%06d", (i*997)%18000)
		}
		a, err := s.client.Must(ctx, "GET", listBucket, "", strings.ReplaceAll(q, "/", "%2F"), nil, 200)
		if err != nil {
			return err
		}
		var page struct {
			Contents       []struct{ Key string }
			CommonPrefixes []struct{ Prefix string }
		}
		if err := xml.Unmarshal(a.Body, &page); err != nil {
			return err
		}
		if keys >= 0 && len(page.Contents) != keys || len(page.CommonPrefixes) < prefixes {
			return fmt.Errorf("page of %d keys, %d prefixes", len(page.Contents), len(page.CommonPrefixes))
		}
		return nil
	}
}

// fillBig makes an object of 1 GiB out of 64 parts.
func fillBig(ctx context.Context, s *server, o options) error {
	if err := makeBucket(ctx, s, o); err != nil || s.state["big"] != "" {
		return err
	}
	s.state["big"] = "made"
	a, err := s.client.Must(ctx, "POST", bucket, "big", "uploads=", nil, 200)
	if err != nil {
		return err
	}
	var up struct{ UploadId string }
	if err := xml.Unmarshal(a.Body, &up); err != nil {
		return err
	}
	etags := make([]string, 64)
	if err := parallel(4, len(etags), func(i int) error {
		a, err := s.client.Must(ctx, "PUT", bucket, "big", fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, up.UploadId), payload[16<<20], 200)
		if err == nil {
			etags[i] = a.Header.Get("ETag")
		}
		return err
	}); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for i, e := range etags {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, e)
	}
	b.WriteString("</CompleteMultipartUpload>")
	_, err = s.client.Must(ctx, "POST", bucket, "big", "uploadId="+up.UploadId, []byte(b.String()), 200)
	return err
}

func copyBig(ctx context.Context, s *server, round, i int) error {
	a, err := s.client.Do(ctx, "PUT", bucket, fmt.Sprintf("copy/%d/%d", round, i), "", nil, "X-Amz-Copy-Source", "/"+bucket+"/big")
	if err == nil && a.Status != 200 {
		return fmt.Errorf("%d %s", a.Status, a.Body)
	}
	return err
}

// diskFigure stores 2,000 objects of 4 KiB and tells what each added.
func diskFigure(ctx context.Context, s *server, o options) (float64, error) {
	const n = 2000
	before, files := diskUse(s.dir)
	run := s.state["disk"]
	s.state["disk"] = run + "x"
	err := parallel(o.clients, n, func(i int) error {
		_, err := s.client.Must(ctx, "PUT", bucket, fmt.Sprintf("disk/run%s/%d", run, i), "", payload[4<<10], 200)
		return err
	})
	after, filesAfter := diskUse(s.dir)
	s.state["files"] = fmt.Sprintf("%.2f", float64(filesAfter-files)/n)
	return float64(after-before) / n, err
}
