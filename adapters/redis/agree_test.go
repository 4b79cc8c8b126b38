package redis

import (
	"context"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mucura/mucura/adapters/redis/redistest"
)

// agree requires of everything a server holds that index and records say the
// same, and that there is a content where a record says so, and nowhere else.
func agree(t testing.TB, s *redistest.Server) (records int) {
	t.Helper()
	ctx := context.Background()
	c, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if role, err := c.Do(ctx, "ROLE").Slice(); err != nil || role[0] != "master" {
		t.Logf("%s is a replica: %v", s.Addr, err)
		return 0
	}
	it := c.Scan(ctx, 0, "*", 1000).Iterator()
	for it.Next(ctx) {
		if strings.HasSuffix(it.Val(), ":wait") {
			continue // see confirm
		}
		base, ok := strings.CutSuffix(it.Val(), ":h")
		if !ok {
			base, ok = strings.CutSuffix(it.Val(), ":i")
		}
		if !ok {
			t.Errorf("a key of no use: %q", it.Val())
			continue
		}
		records += agreeIn(t, c, base)
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return records / 2 // each partition was seen by its hash and by its index
}

func agreeIn(t testing.TB, c *goredis.Client, base string) (records int) {
	t.Helper()
	ctx := context.Background()
	hash, err := c.HGetAll(ctx, base+":h").Result()
	if err != nil {
		t.Fatal(err)
	}
	members, err := c.ZRangeWithScores(ctx, base+":i", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	bodies := 0
	for _, m := range members {
		e, err := entry(m.Member.(string))
		if err != nil || m.Score != 0 {
			t.Fatalf("%s: member %q at %v: %v", base, m.Member, m.Score, err)
		}
		text, there := hash["r"+e.Key]
		if !there {
			t.Errorf("%s: %q is listed and has no record", base, e.Key)
			continue
		}
		r, err := decode([]byte(text))
		if err != nil || r.Version != e.Record.Version || string(r.Summary) != string(e.Record.Summary) {
			t.Errorf("%s: %q is listed as %+v, its record is %+v (%v)", base, e.Key, e.Record, r, err)
		}
		_, body := hash["b"+e.Key]
		if body != (text[0]&hasBody != 0) {
			t.Errorf("%s: %q: content there %v, the record says %v", base, e.Key, body, !body)
		}
		if body {
			bodies++
		}
	}
	if len(hash) != len(members)+bodies {
		t.Errorf("%s: %d fields, %d listed, %d contents", base, len(hash), len(members), bodies)
	}
	return len(members)
}
