package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// told is what the Runtime API is told about an event.
type told struct {
	id, what, kind, mode, errorType, errorBody string
	length                                     int64
	body                                       []byte
}

// runtimeAPI is a Runtime API that gives events and keeps what it is told.
type runtimeAPI struct {
	*httptest.Server
	mu     sync.Mutex
	events []string
	told   []told
	conns  int
	// cut closes the connection instead of giving the n-th event, at first.
	cut map[int]bool
	// hangUp closes the connection after every answer.
	hangUp bool
	status int // of answers, in place of 202
	done   chan struct{}
}

func newRuntimeAPI(t *testing.T, events ...string) *runtimeAPI {
	t.Helper()
	f := &runtimeAPI{events: events, cut: map[int]bool{}, status: http.StatusAccepted, done: make(chan struct{})}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
		}
	}
	f.Start()
	t.Cleanup(f.CloseClientConnections)
	return f
}

func (f *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.hangUp {
		w.Header().Set("Connection", "close")
	}
	path := strings.TrimPrefix(r.URL.Path, apiPath)
	if path != "next" {
		body, _ := io.ReadAll(r.Body)
		id, what, _ := strings.Cut(path, "/")
		f.mu.Lock()
		f.told = append(f.told, told{
			id: id, what: what, kind: r.Header.Get("Content-Type"), mode: r.Header.Get("Lambda-Runtime-Function-Response-Mode"),
			errorType: r.Trailer.Get(errorType) + r.Header.Get(errorType), errorBody: r.Trailer.Get(errorBody), length: r.ContentLength, body: body,
		})
		f.mu.Unlock()
		w.WriteHeader(f.status)
		_, _ = w.Write([]byte(`{"status":"OK"}`))
		return
	}
	f.mu.Lock()
	n := len(f.told)
	cut := f.cut[n]
	f.cut[n] = false
	f.mu.Unlock()
	if cut {
		panic(http.ErrAbortHandler)
	}
	if n == len(f.events) {
		close(f.done)
		<-r.Context().Done()
		return
	}
	w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint("id-", n))
	w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
	_, _ = w.Write([]byte(f.events[n]))
}

// run has the adapter answer all events.
func (f *runtimeAPI) run(t *testing.T, a *Adapter) []told {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, f.Listener.Addr().String()) }()
	select {
	case <-f.done:
	case err := <-ended:
		cancel()
		t.Fatalf("the loop ended early: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the loop ended with %v", err)
	}
	return f.told
}

func urlEvent(path, body string) string {
	return `{"rawPath":"` + path + `","headers":{"host":"h"},"requestContext":{"domainName":"x.lambda-url.y","http":{"method":"PUT","sourceIp":"192.0.2.1"}},"isBase64Encoded":true,"body":"` +
		base64.StdEncoding.EncodeToString([]byte(body)) + `"}`
}

// echo answers with what it got, and breaks off where it is told to.
func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body)
	if r.URL.Path == "/cut" {
		panic(http.ErrAbortHandler)
	}
}

func TestRun(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<16)
	events := []string{urlEvent("/a", "hello"), urlEvent("/a", large), urlEvent("/a", ""), `{"job":"sweep"}`, `{"job":"bad"}`, `no JSON`, urlEvent("/cut", large), urlEvent("/a", "again")}
	for name, set := range map[string]func(*runtimeAPI){
		"kept":    func(*runtimeAPI) {},
		"closed":  func(f *runtimeAPI) { f.hangUp = true },
		"lost":    func(f *runtimeAPI) { f.cut = map[int]bool{1: true, 3: true, 8: true} },
		"refused": func(f *runtimeAPI) { f.status = http.StatusRequestEntityTooLarge },
	} {
		for _, streamed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, streamed), func(t *testing.T) {
				f := newRuntimeAPI(t, events...)
				set(f)
				after := 0
				a := &Adapter{
					Handler: http.HandlerFunc(echo), Stream: streamed, After: func(context.Context) { after++ },
					Job: func(ctx context.Context, name string, _ time.Duration) (any, error) {
						if _, ok := ctx.Deadline(); !ok {
							t.Error("a job without a deadline")
						}
						if name == "bad" {
							return nil, errors.New("store is \"down\"")
						}
						return 7, nil
					},
				}
				all := f.run(t, a)
				if len(all) != len(events) || after != len(events) {
					t.Fatalf("%d answers, %d times After, of %d events", len(all), after, len(events))
				}
				for i, got := range all {
					if got.id != fmt.Sprint("id-", i) {
						t.Errorf("%d: answer of %s", i, got.id)
					}
				}
				bodies := map[int]string{0: "hello", 1: large, 2: "", 7: "again"}
				for i, want := range bodies {
					if got := all[i].decoded(t); string(got) != want || all[i].errorType != "" || all[i].what != "response" {
						t.Errorf("%d: %d bytes, %+.200v", i, len(got), all[i])
					}
					if streamed != (all[i].mode == "streaming" && all[i].length < 0) {
						t.Errorf("%d: mode %q, length %d", i, all[i].mode, all[i].length)
					}
				}
				if got := all[3]; string(got.body) != "7" || got.what != "response" || got.kind != jsonType {
					t.Errorf("job: %+v", got)
				}
				for i, want := range map[int]string{4: `store is \"down\"`, 5: errEvent.Error()} {
					if got := all[i]; got.what != "error" || got.errorType != failed || !strings.Contains(string(got.body), want) {
						t.Errorf("%d: %s %+v", i, got.body, got)
					}
				}
				cut := all[6]
				if streamed {
					why, err := base64.StdEncoding.DecodeString(cut.errorBody)
					if err != nil || cut.errorType != failed || !strings.Contains(string(why), "not whole") {
						t.Errorf("cut: %v %s %q", err, why, cut.errorType)
					}
				} else if got := cut.decoded(t); !bytes.Contains(got, []byte("InternalError")) {
					t.Errorf("cut: %.200s", got)
				}
				if name == "kept" && f.conns != 1 {
					t.Errorf("%d connections", f.conns)
				}
			})
		}
	}
}

// decoded is the body that a client gets.
func (got *told) decoded(t *testing.T) []byte {
	t.Helper()
	if got.mode == "streaming" {
		_, body, found := bytes.Cut(got.body, preludeEnd)
		if !found || got.kind != streamType {
			t.Errorf("no prelude: %.200s", got.body)
		}
		return body
	}
	var answer struct {
		Body            string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(got.body, &answer); err != nil {
		t.Errorf("%v: %.200s", err, got.body)
	}
	if !answer.IsBase64Encoded {
		return []byte(answer.Body)
	}
	body, err := base64.StdEncoding.DecodeString(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return body
}

// TestRunEnds: what no event can follow ends the loop with an error.
func TestRunEnds(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	defer broken.Close()
	noID := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "a/../b")
	}))
	defer noID.Close()
	for _, address := range []string{gone.Listener.Addr().String(), broken.Listener.Addr().String(), noID.Listener.Addr().String(), "a b:1", "host/path"} {
		if err := new(Adapter).Run(t.Context(), address); err == nil {
			t.Errorf("%s: no error", address)
		}
	}
	f := newRuntimeAPI(t, urlEvent("/a", "x"))
	f.status = http.StatusInternalServerError
	if err := (&Adapter{Handler: http.HandlerFunc(echo)}).Run(t.Context(), f.Listener.Addr().String()); err == nil {
		t.Error("an API that cannot go on: no error")
	}
}

// TestFlushed: what is flushed goes out while the handler still works.
func TestFlushed(t *testing.T) {
	first := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/next") {
			select {
			case <-first:
				<-r.Context().Done()
			default:
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
				w.Header().Set("Lambda-Runtime-Deadline-Ms", "9999999999999")
				_, _ = w.Write([]byte(urlEvent("/", "")))
			}
			return
		}
		got := ""
		for !strings.HasSuffix(got, "early") {
			b := make([]byte, 100)
			n, err := r.Body.Read(b)
			if got += string(b[:n]); err != nil {
				t.Errorf("ended with %v after %q", err, got)
				break
			}
		}
		close(first)
		rest, err := io.ReadAll(r.Body)
		if err != nil || string(rest) != "late" {
			t.Errorf("rest %q, %v", rest, err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer api.Close()
	ctx, cancel := context.WithCancel(t.Context())
	a := &Adapter{Stream: true, After: func(context.Context) { cancel() }, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("early"))
		w.(http.Flusher).Flush()
		<-first
		_, _ = w.Write([]byte("late"))
	})}
	if err := a.Run(ctx, api.Listener.Addr().String()); err != nil {
		t.Error(err)
	}
}

// FuzzParse holds the reading of events against encoding/json.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"rawPath":"/a\u00e9\"\\","headers":{"host":"h","x-a":null},"cookies":["a=1"],"requestContext":{"domainName":"x","http":{"method":"PUT","sourceIp":"::1","x":[{"}":"]\""}]}},"body":"aGk=","isBase64Encoded":true}`,
		`{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"GET","path":"/","multiValueHeaders":{"a":["1","2"]},"multiValueQueryStringParameters":{"z":["1"]},"body":"\\\\\""} `,
		`{"job":"x","n":-1.5e3,"t":true,"queryStringParameters":{}}`, `[]`, `{"path":1}`, `null`, `{"body":"\ud800"}`, "{\"path\":\"a\xffb\"}",
		"{\"x\":[\x01]}", // would hold a reader that takes it for a number
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var e event
		err := e.parse([]byte(text))
		_, _ = e.content()
		var want struct {
			Job        string   `json:"job"`
			HTTPMethod string   `json:"httpMethod"`
			Path       string   `json:"path"`
			RawPath    string   `json:"rawPath"`
			Raw        string   `json:"rawQueryString"`
			Cookies    []string `json:"cookies"`
			Base64     bool     `json:"isBase64Encoded"`
			Body       *string  `json:"body"`
		}
		d := json.NewDecoder(strings.NewReader(text))
		if derr := d.Decode(&want); err != nil || derr != nil || d.More() || !json.Valid([]byte(text)) || insensitive(text) {
			return
		}
		got := want
		got.Job, got.HTTPMethod, got.Path, got.RawPath, got.Raw, got.Base64 = e.job, e.method, e.path, e.rawPath, e.rawQuery, e.base64
		if len(e.cookies)+len(want.Cookies) > 0 {
			got.Cookies = e.cookies
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
		e.base64 = false
		if body, err := e.content(); want.Body != nil && (err != nil || string(body) != *want.Body) {
			t.Errorf("%q: body %q, want %q, %v", text, body, *want.Body, err)
		}
	})
}

// insensitive tells whether encoding/json may take a member for another: it does
// not look at case, joins what comes twice, and knows escapes in names.
func insensitive(text string) bool {
	names := map[string]bool{}
	d := json.NewDecoder(strings.NewReader(text))
	for {
		tok, err := d.Token()
		if err != nil {
			return strings.Contains(text, `\`) && strings.Contains(text, `\u00`)
		}
		if s, ok := tok.(string); ok {
			if names[strings.ToLower(s)] {
				return true
			}
			names[strings.ToLower(s)] = true
			for _, known := range []string{"job", "httpMethod", "path", "rawPath", "rawQueryString", "cookies", "isBase64Encoded", "body"} {
				if strings.EqualFold(s, known) && s != known {
					return true
				}
			}
		}
	}
}

// FuzzQuoted holds the writing of strings against encoding/json.
func FuzzQuoted(f *testing.F) {
	f.Add("a\"\\\n\x00\x7fü\xff\u2028\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendQuoted(nil, s), &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") && len([]rune(got)) != len([]rune(s)) {
			t.Errorf("%q: %v %q", s, err, got)
		}
	})
}
