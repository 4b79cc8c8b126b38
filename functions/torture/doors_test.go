package torture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/functions/internal/world"
)

// oddKeys reach an object through every door.
var oddKeys = []string{"plain", "a b", "a+b", "a%2Fb", "100%", "ü/ö 😀", "a//b", "a&b=c", "semi;colon", "tab\tline", "[x]{y}|^`<>\"\\", "~'()*!"}

// escape writes a key as S3's clients do.
func escape(key string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"
	var b strings.Builder
	for i := range len(key) {
		if strings.IndexByte(plain, key[i]) >= 0 {
			b.WriteByte(key[i])
		} else {
			b.WriteString("%" + string("0123456789ABCDEF"[key[i]>>4]) + string("0123456789ABCDEF"[key[i]&15]))
		}
	}
	return b.String()
}

// front is a door of the gateway as a function, frozen between events.
func front(t *testing.T, d lambdatest.Door, environments int) string {
	t.Helper()
	w := theSite(t)
	var extra []string
	if d == lambdatest.StreamURL {
		extra = []string{"MUCURA_FUNCTION_STREAMING=true"}
	}
	f := w.Function("gateway", environments, true, extra...)
	t.Cleanup(f.Close)
	u, stop, err := world.Front(d, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return u
}

// TestDoors puts, gets, lists and deletes odd keys through every door of shape A.
func TestDoors(t *testing.T) {
	for _, d := range lambdatest.Doors {
		t.Run(d.String(), func(t *testing.T) {
			u, c, bucket := front(t, d, 2), client(), "/doors-"+d.String()
			must(t, c, "PUT", u, bucket, nil, 200)
			for _, key := range oddKeys {
				keyTrip(t, c, u, bucket, key, []byte("small \x00\xff"))
			}
			big := make([]byte, 500_000) // in Swift, not in the record
			for i := range big {
				big[i] = byte(rand.Uint32())
			}
			keyTrip(t, c, u, bucket, "big", big)
			must(t, c, "DELETE", u, bucket, nil, 204)
		})
	}
	noSecrets(t)
}

func keyTrip(t *testing.T, c *http.Client, base, bucket, key string, body []byte) {
	t.Helper()
	target := bucket + "/" + escape(key)
	must(t, c, "PUT", base, target, body, 200, "Content-Type", "application/octet-stream")
	if a := must(t, c, "GET", base, target, nil, 200); !bytes.Equal(a.body, body) {
		t.Fatalf("%q: other bytes", key)
	}
	a := must(t, c, "GET", base, bucket+"?list-type=2&encoding-type=url&prefix="+url.QueryEscape(key), nil, 200)
	var list struct{ Contents []struct{ Key string } }
	if err := xml.Unmarshal(a.body, &list); err != nil || len(list.Contents) != 1 {
		t.Fatalf("%q: %v %s", key, err, a.body)
	}
	if got, err := url.QueryUnescape(list.Contents[0].Key); err != nil || got != key {
		t.Fatalf("listed %q, want %q", got, key)
	}
	must(t, c, "DELETE", base, target, nil, 204)
	must(t, c, "GET", base, target, nil, 404)
}

// TestLimits: what a door cannot let through is told, by us where the platform
// lets us.
func TestLimits(t *testing.T) {
	w := theSite(t)
	b, err := w.Container(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	c, body := client(), bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	must(t, c, "PUT", b.URL, "/limits", nil, 200)
	for _, size := range []int{700_000, 900_000, 4_700_000, 8_000_000} {
		must(t, c, "PUT", b.URL, "/limits/"+sizeKey(size), body[:size], 200)
	}
	for _, door := range []struct {
		d             lambdatest.Door
		put, get, not int
	}{
		{lambdatest.LoadBalancer, 900_000, 700_000, 900_000},
		{lambdatest.HTTPAPI, 4_700_000, 4_700_000, 8_000_000},
		{lambdatest.FunctionURL, 4_700_000, 4_700_000, 8_000_000},
		{lambdatest.StreamURL, 4_700_000, 8_000_000, 0},
	} {
		t.Run(door.d.String(), func(t *testing.T) {
			u := front(t, door.d, 1)
			must(t, c, "PUT", u, "/limits/put", body[:door.put], 200)
			must(t, c, "PUT", u, "/limits/put", body[:6<<20+1], 413) // by the platform
			if a := must(t, c, "GET", u, "/limits/"+sizeKey(door.get), nil, 200); !bytes.Equal(a.body, body[:door.get]) {
				t.Error("other bytes")
			}
			if door.not == 0 {
				return
			}
			a := must(t, c, "GET", u, "/limits/"+sizeKey(door.not), nil, 400)
			if !bytes.Contains(a.body, []byte("<MaxSizeAllowed>")) {
				t.Errorf("%s", a.body)
			}
			a = must(t, c, "GET", u, "/limits/"+sizeKey(door.not), nil, 206, "Range", "bytes=16-700015")
			if !bytes.Equal(a.body, body[16:700_016]) {
				t.Error("other bytes in a range")
			}
		})
	}
}

func sizeKey(n int) string { return fmt.Sprint("size-", n) }
