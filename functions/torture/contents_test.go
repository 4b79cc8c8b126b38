package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/functions/internal/world"
)

// TestWithoutContents: registration and credentials do all their work where the
// content store does not answer, is not named, or is a secret that they may not
// read: people register, get a home bucket and credentials, are suspended, and
// close their account, whose objects the sweep job erases.
func TestWithoutContents(t *testing.T) {
	w := theSite(t)
	gateway := container(t, "gateway") // makes the administrator's account
	// With references in its settings a function asks this service, which gives
	// the site's secret to all and that of the contents to nobody.
	secrets := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var in struct{ SecretId string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.SecretId != "mucura/site" {
			rw.WriteHeader(400)
			fmt.Fprint(rw, `{"__type":"AccessDeniedException"}`)
			return
		}
		text, _ := json.Marshal(map[string]string{"metadata": setting(w, "MUCURA_METADATA"), "key": world.SiteKey}) // strings: it cannot fail
		_ = json.NewEncoder(rw).Encode(map[string]string{"SecretString": string(text)})
	}))
	t.Cleanup(secrets.Close)
	references := []string{
		"MUCURA_METADATA=aws-sm:mucura/site#metadata", "MUCURA_SITE_KEY=aws-sm:mucura/site#key", "MUCURA_CONTENT=aws-sm:mucura/contents#url",
		"MUCURA_ROOT_ACCESS_KEY_ID=aws-sm:mucura/root#id", "MUCURA_ROOT_SECRET_ACCESS_KEY=aws-sm:mucura/root#secret",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + secrets.URL,
	}
	for _, c := range []struct {
		name  string
		extra []string
	}{
		{"nobody answers", []string{"MUCURA_CONTENT=swift+http://someone:example@127.0.0.1:1/auth/v1.0"}},
		{"none is named", []string{"MUCURA_CONTENT="}},
		{"may not be read", references},
	} {
		// Each starts a gateway that needs contents with the same: it must not start.
		t.Run(c.name, func(t *testing.T) {
			env := append([]string{"MUCURA_WEB_URL=http://www.functions.test", "MUCURA_APPROVE=invitation:", "MUCURA_LEEWAY=1m"}, c.extra...)
			t.Run("gateway", func(t *testing.T) { startsNot(t, w, "gateway", env) })
			t.Run("container", func(t *testing.T) {
				ready(t, container(t, "credentials", env...).URL)
				life(t, w, ready(t, container(t, "registration", env...).URL), gateway.URL)
			})
			t.Run("function", func(t *testing.T) {
				life(t, w, behind(t, w, "registration", env), gateway.URL)
				s, err := world.Session(t.Context(), behind(t, w, "credentials", env))
				if err != nil {
					t.Fatal(err)
				}
				if status, err := world.ListWith(t.Context(), gateway.URL, s); err != nil || status != 200 {
					t.Errorf("with temporary credentials: %d, %v", status, err)
				}
			})
		})
	}
	started(t, map[string]any{"function": "credentials", "shape": "lambda", "content": "none", "metadata": config.Redact(setting(w, "MUCURA_METADATA"))})
	started(t, map[string]any{"function": "registration", "shape": "container", "content": "none"})
	started(t, map[string]any{"function": "gateway", "shape": "container", "content": config.Redact(setting(w, "MUCURA_CONTENT"))})
	noSecrets(t)
}

// started sees that a function has told at its start in which shape it serves, and
// over which stores.
func started(t *testing.T, want map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var said map[string]any
		if json.Unmarshal([]byte(line), &said) != nil || said["msg"] != "started" {
			continue
		}
		same := true
		for name, value := range want {
			same = same && said[name] == value
		}
		if same {
			return
		}
	}
	t.Errorf("no function has told %v", want)
}

// setting is a setting of the site's functions.
func setting(w *world.World, name string) (value string) {
	for _, line := range w.Env {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value = v
		}
	}
	return value
}

// startsNot sees that a function in shape A ends by itself, before an event.
func startsNot(t *testing.T, w *world.World, name string, env []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(w.Bin, name))
	cmd.Env = append(append(append([]string{}, w.Env...), env...), "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "content") {
		t.Errorf("%s starts without contents: %v %s", name, err, out)
	}
}

// ready sees that a container says it is.
func ready(t *testing.T, base string) string {
	t.Helper()
	resp, err := http.Get(base + "/-/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
		t.Fatalf("not ready: %s %s", resp.Status, text)
	}
	return base
}

// behind is a function behind a Function URL.
func behind(t *testing.T, w *world.World, name string, env []string) string {
	t.Helper()
	f := w.Function(name, 1, true, env...)
	t.Cleanup(f.Close)
	u, stop, err := world.Front(lambdatest.FunctionURL, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return u
}

var crumb = regexp.MustCompile(`name="crumb" value="([^"]+)"`)

// life is an account's, from the invitation to its end.
func life(t *testing.T, w *world.World, pages, gateway string) {
	name, password := fmt.Sprint("ada-", time.Now().UnixNano()), "a long password"
	var invited struct{ Code string }
	api(t, creds, "POST", pages, "admin/invitations", `{"uses":1}`, &invited)

	// By the pages, as a browser.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	page := func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s %v %.2000s", resp.Request.URL, resp.Status, err, text)
		}
		return string(text)
	}
	form := crumb.FindStringSubmatch(page(browser.Get(pages + "/register/invitation")))
	if form == nil {
		t.Fatal("there is no form")
	}
	page(browser.PostForm(pages+"/register/invitation", url.Values{
		"crumb": {form[1]}, "code": {invited.Code}, "name": {name}, "display_name": {"Ada"}, "email": {name + "@example.org"}, "password": {password},
	}))
	if account := page(browser.Get(pages + "/account")); !strings.Contains(account, name) {
		t.Fatalf("the account's page does not name it: %s", account)
	}

	// By program.
	var got struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	api(t, sigv4.Credentials{}, "POST", pages, "login", fmt.Sprintf(`{"name":%q,"password":%q}`, name, password), &got)
	hers := sigv4.Credentials{AccessKeyID: got.AccessKeyId, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken}
	var usage, quota any
	api(t, hers, "GET", pages, "usage", "", &usage)
	api(t, hers, "GET", pages, "quota", "", &quota)

	// In her home bucket, by the gateway.
	body := bytes.Repeat([]byte{0, 255}, 100_000)
	put := func(want int) {
		t.Helper()
		if status := objectCall(t, hers, "PUT", gateway+"/"+name+"/results", body); status != want {
			t.Fatalf("put into the home bucket: %d, want %d", status, want)
		}
	}
	put(200)
	var ignored any
	api(t, creds, "PATCH", pages, "admin/accounts/"+name, `{"state":"suspended","why":"a test"}`, &ignored)
	put(403)
	api(t, creds, "PATCH", pages, "admin/accounts/"+name, `{"state":"active"}`, &ignored)
	api(t, sigv4.Credentials{}, "POST", pages, "login", fmt.Sprintf(`{"name":%q,"password":%q}`, name, password), &got)
	hers = sigv4.Credentials{AccessKeyID: got.AccessKeyId, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken}
	put(200)
	api(t, hers, "DELETE", pages, "account", "", &ignored)
	put(403)

	// What is left is the jobs' to erase.
	if status := objectCall(t, creds, "HEAD", gateway+"/"+name, nil); status != 200 {
		t.Fatalf("the bucket of a closed account: %d", status)
	}
	f := w.Function("sweep", 1, true)
	defer f.Close()
	res, err := f.Invoke(t.Context(), []byte(`{"job":"closed","budget":"1m"}`))
	if err != nil {
		t.Fatal(err)
	}
	report, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(report), `"erased":1`) {
		t.Errorf("closed: %v %s", err, report)
	}
	if status := objectCall(t, creds, "HEAD", gateway+"/"+name, nil); status != 404 {
		t.Errorf("the bucket of an erased account: %d", status)
	}
}

// api makes a call that must succeed, signed where there are credentials.
func api(t *testing.T, c sigv4.Credentials, method, base, call, body string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+"/-/api/v1/"+call, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.AccessKeyID != "" {
		sigv4.Sign(r, c, world.Region, sigv4.UnsignedPayload, time.Now())
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %v %s", method, call, resp.Status, err, text)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s %s: %v %s", method, call, err, text)
		}
	}
}

// objectCall makes a request of S3's and gives the status.
func objectCall(t *testing.T, c sigv4.Credentials, method, target string, body []byte) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(r, c, world.Region, sigv4.UnsignedPayload, time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // the status is all
	return resp.StatusCode
}
