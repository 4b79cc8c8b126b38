package s3

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/sigv4"
)

// lenderVariable names a URL that lends servers of other processes, so that the
// suite shows what is deployed: a POST gives an empty one as lent, a DELETE to
// it takes it back. functions/torture lends the gateway function over a real Swift.
const lenderVariable = "MUCURA_TEST_S3_LENDER"

// lent is a server with the accounts of a testServer.
type lent struct {
	URL, Return string
	Accounts    map[string]struct{ ID, CanonicalID, DisplayName, Email, AccessKeyID, SecretAccessKey string }
}

// borrow gives a server of another process, until the test ends.
func borrow(t testing.TB, lender string) *testServer {
	t.Helper()
	resp, err := http.Post(lender, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var l lent
	if err := json.NewDecoder(resp.Body).Decode(&l); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("borrow a server: %s, %v", resp.Status, err)
	}
	s := &testServer{
		Server: httptest.NewServer(http.NotFoundHandler()), // for its client
		t:      t, keys: map[string]sigv4.Credentials{}, users: map[string]*catalog.Account{},
	}
	s.URL = l.URL
	s.Client().Transport.(*http.Transport).DisableCompression = true
	for name, a := range l.Accounts {
		s.users[name] = &catalog.Account{ID: a.ID, CanonicalID: a.CanonicalID, Name: name, DisplayName: a.DisplayName, Email: a.Email}
		s.keys[name] = sigv4.Credentials{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey}
	}
	t.Cleanup(func() {
		s.Close()
		req, err := http.NewRequest(http.MethodDelete, l.Return, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	})
	return s
}

// inside is the server itself. A test that looks or reaches into it is skipped
// where it is another process.
func (s *testServer) inside() *Front {
	s.t.Helper()
	if s.front == nil {
		s.t.Skip("looks into the server, which is another process")
	}
	return s.front
}
