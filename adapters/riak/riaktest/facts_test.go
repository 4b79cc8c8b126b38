package riaktest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The facts were seen on a real node. They are shown on the stand-in in both
// modes and, when MUCURA_TEST_RIAK names one, on a real node, which is in the
// mode prefer_token unless MUCURA_TEST_RIAK_MODE says otherwise.
func TestFacts(t *testing.T) {
	for _, mode := range []Mode{APIOnly, PreferToken} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			// What a tombstone does has to be seen before it is reaped.
			c, err := Start(Config{Mode: mode, DeleteAfter: 5 * time.Second, RaceWindow: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			facts(t, "http://"+c.Hosts()[0]+"/types/mucura", mode)
		})
	}
}

func TestFactsReal(t *testing.T) {
	u, err := url.Parse(os.Getenv("MUCURA_TEST_RIAK"))
	if err != nil || u.Host == "" || strings.Contains(u.Host, ",") || u.Scheme != "riak" {
		t.Skip("MUCURA_TEST_RIAK names no single Riak node over plain HTTP")
	}
	kind := u.Query().Get("type")
	if kind == "" {
		kind = "mucura"
	}
	mode := PreferToken
	if s := os.Getenv("MUCURA_TEST_RIAK_MODE"); s != "" {
		mode = Mode(s)
	}
	facts(t, "http://"+u.Host+"/types/"+kind, mode)
}

// desk is where a fact is looked at: a bucket of its own.
type desk struct {
	t      *testing.T
	root   string // of the bucket type
	bucket string
	mode   Mode
}

func facts(t *testing.T, root string, mode Mode) {
	for _, f := range []struct {
		name string
		show func(*desk)
	}{
		{"WriteAndRead", writeAndRead},
		{"Siblings", siblings},
		{"Conditions", conditions},
		{"ConditionsRace", conditionsRace},
		{"MalformedClocks", malformedClocks},
		{"Tombstones", tombstones},
		{"LostRecreation", lostRecreation},
		{"DeleteOfTheOld", deleteOfTheOld},
		{"Index", index},
		{"IndexOfDeleted", indexOfDeleted},
		{"Ranges", ranges},
		{"Paths", paths},
		{"Refusals", refusals},
		{"Sizes", sizes},
		{"Confirms", confirms},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel() // some wait for tombstones to be reaped
			f.show(&desk{t, root, "f" + rand.Text()[:12], mode})
		})
	}
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) clock() string { return r.header.Get("X-Riak-Vclock") }

// do sends a request; headers come in pairs.
func (d *desk) do(method, path, body string, headers ...string) reply {
	d.t.Helper()
	req, err := http.NewRequest(method, d.root+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if method == "PUT" {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.t.Fatalf("%s %.100s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (d *desk) key(key string) string { return "/buckets/" + d.bucket + "/keys/" + key }

func (d *desk) put(key, body string, headers ...string) reply {
	d.t.Helper()
	return d.do("PUT", d.key(key), body, headers...)
}

func (d *desk) get(key string, headers ...string) reply {
	d.t.Helper()
	return d.do("GET", d.key(key), "", headers...)
}

func (d *desk) delete(key string, headers ...string) reply {
	d.t.Helper()
	return d.do("DELETE", d.key(key), "", headers...)
}

// want requires statuses of replies, in order.
func (d *desk) want(what string, got reply, status int) reply {
	d.t.Helper()
	if got.status != status {
		d.t.Errorf("%s: %d %.80q, want %d", what, got.status, got.body, status)
	}
	return got
}

const parts = "multipart/mixed, */*;q=0.5"

func writeAndRead(d *desk) {
	d.want("get of nothing", d.get("k"), 404)
	if r := d.want("create", d.put("k", "v", "X-Riak-Meta-Mucura", "a%2Fb", "X-Riak-Index-R_bin", "A%2F.b"), 204); r.clock() != "" {
		d.t.Error("204 tells the vclock")
	}
	r := d.want("get", d.get("k"), 200)
	if r.body != "v" || r.clock() == "" || r.header.Get("X-Riak-Meta-Mucura") != "a%2Fb" || r.header.Get("X-Riak-Index-r_bin") != "A%2F.b" {
		d.t.Errorf("%q %v", r.body, r.header)
	}
	if h := d.want("head", d.do("HEAD", d.key("k"), ""), 200); h.clock() != r.clock() || h.header.Get("Content-Length") != "1" || h.header.Get("X-Riak-Meta-Mucura") != "a%2Fb" {
		d.t.Errorf("HEAD %v", h.header)
	}
	back := d.want("put with returnbody", d.do("PUT", d.key("k")+"?returnbody=true", "w", "X-Riak-Vclock", r.clock()), 200)
	if back.body != "w" || back.clock() == "" || back.clock() == r.clock() {
		d.t.Errorf("%q at %q, was at %q", back.body, back.clock(), r.clock())
	}
	d.want("empty value", d.put("empty", ""), 204)
	d.want("get of an empty value", d.get("empty"), 200)
}

func siblings(d *desk) {
	d.put("k", "one")
	old := d.get("k").clock()
	d.put("k", "two", "X-Riak-Vclock", old)
	d.want("get after an update", d.get("k"), 200)
	d.want("put at a stale vclock", d.put("k", "three", "X-Riak-Vclock", old), 204)
	if r := d.want("get of siblings", d.get("k"), 300); !strings.HasPrefix(r.body, "Siblings:\n") {
		d.t.Errorf("%.100q", r.body)
	}
	r := d.want("get of siblings in parts", d.get("k", "Accept", parts), 300)
	if !strings.HasPrefix(r.header.Get("Content-Type"), "multipart/mixed") || !strings.Contains(r.body, "two") || !strings.Contains(r.body, "three") {
		d.t.Errorf("%v %.200q", r.header, r.body)
	}
	if r := d.want("head of siblings", d.do("HEAD", d.key("k"), "", "Accept", parts), 300); r.clock() == "" {
		d.t.Error("no vclock")
	}
	d.want("resolution", d.put("k", "four", "X-Riak-Vclock", r.clock()), 204)
	if r := d.want("get of what was resolved", d.get("k", "Accept", parts), 200); r.body != "four" {
		d.t.Errorf("%q", r.body)
	}
	d.want("parts alone of a single value", d.get("k", "Accept", "multipart/mixed"), 406)
	d.put("k2", "one")
	d.want("put without a vclock", d.put("k2", "two"), 204)
	d.want("get", d.get("k2"), 300)
}

func conditions(d *desk) {
	d.want("INM on nothing", d.put("k", "1", "If-None-Match", "*"), 204)
	d.want("INM on a value", d.put("k", "2", "If-None-Match", "*"), 412)
	old := d.get("k").clock()
	d.want("if not modified", d.put("k", "2", "X-Riak-If-Not-Modified", old, "X-Riak-Vclock", old), 204)
	d.want("if not modified, but it was", d.put("k", "3", "X-Riak-If-Not-Modified", old, "X-Riak-Vclock", old), 409)
	d.want("if not modified, of nothing", d.put("none", "3", "X-Riak-If-Not-Modified", old), 409)
	d.want("if match of another etag", d.put("k", "3", "If-Match", `"xyz"`), 412)
	if r := d.get("k"); r.status != 200 || r.body != "2" {
		d.t.Errorf("%d %q", r.status, r.body)
	}
	d.put("k", "sibling")
	both := d.get("k").clock()
	d.want("if not modified, of siblings", d.put("k", "4", "X-Riak-If-Not-Modified", both, "X-Riak-Vclock", both), 204)
	d.want("get", d.get("k"), 200)
}

// conditionsRace lets racers go at once: under a token one wins, else several.
func conditionsRace(d *desk) {
	race := func(name string, headers func(r reply) []string, create bool) (winners []int) {
		for round := range 4 {
			key := fmt.Sprint(name, round)
			var r reply
			if !create {
				d.put(key, "0")
				r = d.get(key)
			}
			status := make([]int, 8)
			var wg sync.WaitGroup
			for i := range status {
				wg.Go(func() { status[i] = d.put(key, fmt.Sprint(i), headers(r)...).status })
			}
			wg.Wait()
			n := 0
			for _, s := range status {
				if s == 204 {
					n++
				}
			}
			winners = append(winners, n)
		}
		return winners
	}
	inm := race("inm", func(reply) []string { return []string{"If-None-Match", "*"} }, true)
	clock := race("clock", func(r reply) []string {
		return []string{"X-Riak-If-Not-Modified", r.clock(), "X-Riak-Vclock", r.clock()}
	}, false)
	match := race("match", func(r reply) []string {
		return []string{"If-Match", r.header.Get("Etag"), "X-Riak-Vclock", r.clock()}
	}, false)
	d.t.Logf("winners of 8: If-None-Match %v, If-Not-Modified %v, If-Match %v", inm, clock, match)
	several := func(ns []int) bool { return max(ns[0], ns[1], ns[2], ns[3]) > 1 }
	if token := d.mode == PreferToken; several(inm) == token || several(clock) == token || !several(match) {
		d.t.Errorf("unlike %s", d.mode)
	}
}

// A malformed vclock is an error, but a malformed condition is ignored.
func malformedClocks(d *desk) {
	d.put("k", "1")
	clock := d.get("k").clock()
	d.want("malformed vclock", d.put("k", "2", "X-Riak-Vclock", "garbage"), 500)
	d.want("malformed condition", d.put("k", "2", "X-Riak-If-Not-Modified", "garbage", "X-Riak-Vclock", clock), 204)
	if r := d.want("get", d.get("k"), 200); r.body != "2" {
		d.t.Errorf("%q", r.body)
	}
}

func tombstones(d *desk) {
	d.want("delete of nothing", d.delete("none"), 404)
	d.put("k", "1")
	d.want("delete", d.delete("k"), 204)
	r := d.want("get of a tombstone", d.get("k"), 404)
	if r.header.Get("X-Riak-Deleted") != "true" || r.clock() == "" {
		d.t.Errorf("%v", r.header)
	}
	if h := d.do("HEAD", d.key("k"), ""); h.status != 404 || h.clock() != r.clock() {
		d.t.Errorf("HEAD %d %v", h.status, h.header)
	}
	d.want("second delete", d.delete("k"), 404)
	d.want("if not modified, of a tombstone", d.put("k", "2", "X-Riak-If-Not-Modified", r.clock(), "X-Riak-Vclock", r.clock()), 409)
	d.want("INM with the tombstone's vclock", d.put("k", "2", "If-None-Match", "*", "X-Riak-Vclock", r.clock()), 204)
	if r := d.want("get", d.get("k"), 200); r.body != "2" {
		d.t.Errorf("%q", r.body)
	}
	d.put("k2", "1")
	d.delete("k2")
	d.put("k2", "2")
	if r := d.want("re-creation without a vclock", d.get("k2", "Accept", parts), 300); !strings.Contains(r.body, "X-Riak-Deleted: true") {
		d.t.Errorf("%.300q", r.body)
	}
	d.put("k3", "1")
	d.delete("k3")
	d.until("the tombstone is reaped", func() bool { return d.get("k3").clock() == "" })
}

// until waits for what comes by itself.
func (d *desk) until(what string, done func() bool) {
	d.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Errorf("not within a minute: %s", what)
			return
		}
	}
}

// lostRecreation is the worst: acknowledged, and never there.
func lostRecreation(d *desk) {
	d.want("create", d.put("k", "1", "If-None-Match", "*"), 204)
	d.want("delete", d.delete("k"), 204)
	d.want("re-creation", d.put("k", "2", "If-None-Match", "*"), 204)
	if d.mode != PreferToken {
		d.want("get", d.get("k"), 300)
		return
	}
	d.want("get", d.get("k"), 404)
	d.until("the tombstone is reaped", func() bool { return d.get("k").clock() == "" })
	d.want("get after that", d.get("k"), 404)
	d.want("creation after that", d.put("k", "3", "If-None-Match", "*"), 204)
	d.want("get of it", d.get("k"), 200)
	// With the tombstone's vclock it is not lost.
	d.put("k2", "1", "If-None-Match", "*")
	d.delete("k2")
	d.want("re-creation with a vclock", d.put("k2", "2", "If-None-Match", "*", "X-Riak-Vclock", d.get("k2").clock()), 204)
	d.want("get of that", d.get("k2"), 200)
}

// A DELETE ignores conditions and deletes only what it has seen.
func deleteOfTheOld(d *desk) {
	d.put("k", "1")
	old := d.get("k").clock()
	d.put("k", "2", "X-Riak-Vclock", old)
	d.want("delete at a stale vclock", d.delete("k", "X-Riak-If-Not-Modified", old, "X-Riak-Vclock", old), 204)
	if r := d.want("get", d.get("k", "Accept", parts), 300); !strings.Contains(r.body, "X-Riak-Deleted: true") || !strings.Contains(r.body, "\n2\r\n") && !strings.HasSuffix(r.body, "2") {
		d.t.Errorf("%.400q", r.body)
	}
}

func index(d *desk) {
	for _, k := range []string{"AC", "A", "ABC", "AB"} {
		d.put(k, "v", "X-Riak-Index-R_bin", k+".z")
	}
	ask := func(query string) string {
		return d.want(query, d.do("GET", "/buckets/"+d.bucket+"/index/"+query, ""), 200).body
	}
	for query, want := range map[string]string{
		"r_bin/A/B?return_terms=true&max_results=9":              `{"results":[{"A.z":"A"},{"AB.z":"AB"},{"ABC.z":"ABC"},{"AC.z":"AC"}]}`,
		"r_bin/AB/AC?return_terms=true&max_results=9":            `{"results":[{"AB.z":"AB"},{"ABC.z":"ABC"}]}`,
		"r_bin/A.z/A.z?max_results=9":                            `{"keys":["A"]}`,
		"r_bin/A.z?max_results=9&return_terms=true":              `{"keys":["A"]}`,
		"r_bin/B/A?max_results=9":                                `{"keys":[]}`,
		"r_bin/A/B?max_results=9&return_terms=true&term_regex=C": `{"results":[{"ABC.z":"ABC"},{"AC.z":"AC"}]}`,
	} {
		if got := ask(query); got != want {
			d.t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	// A page that is just full says that more may follow.
	first := ask("r_bin/A/B?return_terms=true&max_results=4")
	if !strings.HasPrefix(first, `{"results":[{"A.z":"A"},{"AB.z":"AB"},{"ABC.z":"ABC"},{"AC.z":"AC"}],"continuation":`) {
		d.t.Error(first)
	}
	if got := ask("r_bin/A/B?return_terms=true&max_results=2"); !strings.HasPrefix(got, `{"results":[{"A.z":"A"},{"AB.z":"AB"}],"continuation":"`) {
		d.t.Error(got)
	} else if next := ask("r_bin/A/B?return_terms=true&max_results=3&continuation=" + url.QueryEscape(strings.Split(got, `"`)[len(strings.Split(got, `"`))-2])); next != `{"results":[{"ABC.z":"ABC"},{"AC.z":"AC"}]}` {
		d.t.Error(next)
	}
	// Siblings have their terms each.
	d.put("AB", "w", "X-Riak-Index-R_bin", "AB.y")
	if got := ask("r_bin/AB/AB0?return_terms=true&max_results=9"); got != `{"results":[{"AB.y":"AB"},{"AB.z":"AB"}]}` {
		d.t.Error(got)
	}
	// A value without the term takes the object out.
	d.put("AB", "x", "X-Riak-Vclock", d.get("AB").clock())
	if got := ask("r_bin/AB/AB0?return_terms=true&max_results=9"); got != `{"results":[]}` {
		d.t.Error(got)
	}
}

func indexOfDeleted(d *desk) {
	d.put("k", "v", "X-Riak-Index-R_bin", "A")
	d.delete("k")
	if got := d.do("GET", "/buckets/"+d.bucket+"/index/r_bin/A/B?max_results=9", "").body; got != `{"keys":[]}` {
		d.t.Errorf("own index after delete: %s", got)
	}
	if got := d.do("GET", "/buckets/"+d.bucket+"/index/$key/a/z?max_results=9", "").body; got != `{"keys":["k"]}` {
		d.t.Errorf("$key after delete: %s", got)
	}
}

func ranges(d *desk) {
	d.put("k", "hello")
	for spec, want := range map[string]struct {
		status       int
		body, ranges string
	}{
		"bytes=1-2": {206, "el", "bytes 1-2/5"}, "bytes=0-100": {206, "hello", "bytes 0-4/5"}, "bytes=3-": {206, "lo", "bytes 3-4/5"},
		"bytes=9-10": {200, "hello", ""},
	} {
		r := d.want(spec, d.get("k", "Range", spec), want.status)
		if r.body != want.body || r.header.Get("Content-Range") != want.ranges || r.clock() == "" {
			d.t.Errorf("%s: %q %v", spec, r.body, r.header)
		}
	}
	d.put("k", "sibling")
	d.want("range of siblings", d.get("k", "Range", "bytes=0-1", "Accept", parts), 300)
}

func paths(d *desk) {
	d.want("put at a key with a slash", d.put("a/b", "v"), 405)
	d.want("get at a key with a slash", d.get("a/b"), 400)
	d.want("put at an escaped slash", d.put("a%2Fb", "v"), 204)
	if r := d.want("get of it", d.get("a%2Fb"), 200); r.body != "v" {
		d.t.Errorf("%q", r.body)
	}
}

func refusals(d *desk) {
	d.want("w over n_val", d.do("PUT", d.key("k")+"?w=4", "v"), 400)
	d.want("bad sync_on_write", d.do("PUT", d.key("k")+"?sync_on_write=maybe", "v"), 400)
	d.want("good parameters", d.do("PUT", d.key("k")+"?w=quorum&dw=quorum&pw=quorum&sync_on_write=all&node_confirms=1", "v"), 204)
	d.want("parameters of a read", d.do("GET", d.key("k")+"?r=1&pr=quorum&notfound_ok=false&basic_quorum=false", ""), 200)
	d.want("parameters of a delete", d.do("DELETE", d.key("k")+"?w=quorum&dw=quorum&pw=quorum&sync_on_write=all&node_confirms=1", ""), 204)
	d.want("no content type", d.put("k", "v", "Content-Type", ""), 400)
	d.want("put of an unknown type", (&desk{d.t, d.root + "x", d.bucket, d.mode}).put("k", "v"), 404)
	d.want("get of an unknown type", (&desk{d.t, d.root + "x", d.bucket, d.mode}).get("k"), 404)
}

func sizes(d *desk) {
	d.want("long term", d.put("k", "v", "X-Riak-Index-R_bin", strings.Repeat("A", 7000)), 204)
	d.want("long key", d.put(strings.Repeat("k", 3300), "v"), 204)
	d.want("too long a key", d.put(strings.Repeat("k", 8300), "v"), 400)
	if testing.Short() {
		return
	}
	d.want("51 MiB", d.put("big", string(bytes.Repeat([]byte("x"), 51<<20))), 500)
	d.want("get of it", d.get("big"), 404)
}

// confirms shows that an unsatisfied node_confirms says nothing of the write.
func confirms(d *desk) {
	r := d.do("PUT", d.key("k")+"?node_confirms=2", "v")
	if r.status == 204 {
		d.t.Log("several nodes: node_confirms can be satisfied")
		return
	}
	d.want("node_confirms=2 on one node", r, 503)
	d.want("and yet it was written", d.get("k"), 200)
}
