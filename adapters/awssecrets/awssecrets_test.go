package awssecrets

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

const (
	keyID, keySecret, token = "ASIAEXAMPLE", "sEcReT/KeY+of=Lambda", "the+session/token=="
	region                  = "eu-south-2"
)

type keys struct{}

func (keys) Key(_ context.Context, id, sessionToken string) (sigv4.Key, error) {
	if id != keyID || sessionToken != token {
		return sigv4.Key{}, s3err.InvalidAccessKeyID
	}
	return sigv4.Key{ID: id, Secret: keySecret}, nil
}

// aws plays both services: it verifies each signature, and gives what it has.
type aws struct {
	*testing.T
	mu      sync.Mutex
	values  map[string]string // target and name -> value
	answers []int             // statuses to give first
	asked   int
}

func (a *aws) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	target := r.Header.Get("X-Amz-Target")
	service := map[string]string{"secretsmanager.GetSecretValue": "secretsmanager", "AmazonSSM.GetParameter": "ssm"}[target]
	v := &sigv4.Verifier{Keys: keys{}, Service: service, Region: region}
	if _, err := v.Verify(r); err != nil || !strings.Contains(r.Header.Get("Authorization"), ";x-amz-security-token;x-amz-target") {
		a.Errorf("signature: %v, %s", err, r.Header)
		w.WriteHeader(403)
		return
	}
	if len(a.answers) > 0 {
		status := a.answers[0]
		a.answers = a.answers[1:]
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, `{"__type":"com.amazonaws#`+map[bool]string{true: "ThrottlingException", false: "AccessDeniedException"}[status == 400]+`","Message":"hush"}`)
		return
	}
	var in struct {
		SecretId, Name string
		WithDecryption bool
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &in) != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		a.Errorf("%s %s: %q, %v", r.Method, r.Header, body, err)
	}
	value, ok := a.values[service+" "+in.SecretId+in.Name]
	switch {
	case !ok:
		w.WriteHeader(400)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"hush"}`)
	case service == "ssm" && in.WithDecryption:
		_ = json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]any{"Value": value, "Type": "SecureString"}})
	case service == "secretsmanager":
		_ = json.NewEncoder(w).Encode(map[string]any{"SecretString": value, "ARN": "arn:aws:secretsmanager:x"})
	}
}

// open starts the services, and a client of theirs.
func open(t *testing.T) (*aws, *client) {
	t.Helper()
	a := &aws{T: t, values: map[string]string{
		"secretsmanager mucura/db":    `{"url":"redis://:hush@db:6379","port":6379}`,
		"secretsmanager mucura/plain": "hush-plain",
		"ssm /mucura/smtp":            "hush-smtp é\n",
	}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	env := map[string]string{
		"AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": keySecret, "AWS_SESSION_TOKEN": token, "AWS_REGION": region,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL, "AWS_ENDPOINT_URL_SSM": server.URL + "/",
	}
	c := newClient(func(name string) string { return env[name] })
	c.pause = time.Millisecond
	c.http.Timeout = time.Minute // a slow answer is not one more try
	return a, c
}

func TestResolve(t *testing.T) {
	_, client := open(t)
	c, _, err := config.Parse("serve", nil, []string{
		"MUCURA_METADATA=aws-sm:mucura/db#url", "MUCURA_SMTP_PASSWORD=aws-ssm:/mucura/smtp",
		"MUCURA_ROOT_ACCESS_KEY_ID=root", "MUCURA_ROOT_SECRET_ACCESS_KEY=aws-sm:mucura/plain",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolve(t.Context(), c, client); err != nil {
		t.Fatal(err)
	}
	if c.Metadata != "redis://:hush@db:6379" || c.Registry != c.Metadata || c.SMTPPassword != "hush-smtp é\n" || c.RootSecretAccessKey != "hush-plain" {
		t.Errorf("%q %q %q", c.Metadata, c.SMTPPassword, c.RootSecretAccessKey)
	}
	if strings.Contains(c.Describe(), "hush") {
		t.Errorf("told: %s", c.Describe())
	}
}

func TestNoReference(t *testing.T) {
	c, _, err := config.Parse("serve", nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolve(t.Context(), c, newClient(func(string) string { return "" })); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		reference string
		answers   []int
		want      string // "": it works
		asked     int
	}{
		"works":               {"aws-sm:mucura/plain", nil, "", 1},
		"throttled":           {"aws-sm:mucura/plain", []int{400, 429, 503}, "", 4},
		"cut":                 {"aws-ssm:/mucura/smtp", []int{0, 0}, "", 3},
		"down":                {"aws-sm:mucura/plain", []int{500, 500, 500, 500, 500, 500}, "500 Internal Server Error", 5},
		"denied":              {"aws-sm:mucura/plain", []int{403, 403}, "403 Forbidden AccessDeniedException", 1},
		"redirected":          {"aws-sm:mucura/plain", []int{307}, "307", 1},
		"not there":           {"aws-sm:nothing", nil, "ResourceNotFoundException", 1},
		"parameter":           {"aws-ssm:/nothing", nil, "ResourceNotFoundException", 1},
		"no member":           {"aws-sm:mucura/db#password", nil, `no text "password"`, 1},
		"member not text":     {"aws-sm:mucura/db#port", nil, `no text "port"`, 1},
		"member of no object": {"aws-sm:mucura/plain#x", nil, "no JSON object", 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, client := open(t)
			a.answers = c.answers
			_, err := client.get(t.Context(), c.reference)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush")) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if a.asked != c.asked {
				t.Errorf("asked %d times, want %d", a.asked, c.asked)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	a, client := open(t)
	a.values["secretsmanager mucura/plain"] = strings.Repeat("x", maxAnswer)
	if _, err := client.get(t.Context(), "aws-sm:mucura/plain"); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Error(err)
	}
}

func TestNeedsCredentials(t *testing.T) {
	c := newClient(func(string) string { return "" })
	if _, err := c.get(t.Context(), "aws-sm:x"); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Error(err)
	}
}

func TestEndpoints(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "https://ssm.eu-west-1.amazonaws.com", "cn-north-1": "https://ssm.cn-north-1.amazonaws.com.cn"} {
		if got := newClient(func(name string) string { return map[string]string{"AWS_DEFAULT_REGION": region}[name] }).ssm; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
