package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// Session gets temporary credentials for the administrator from an
// authentication server.
func Session(ctx context.Context, base string) (c sigv4.Credentials, err error) {
	body := []byte("Action=GetSessionToken&Version=2011-06-15")
	r, err := http.NewRequestWithContext(ctx, "POST", base+"/", bytes.NewReader(body))
	if err != nil {
		return c, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256(body)
	sigv4.SignFor("sts", r, sigv4.Credentials{AccessKeyID: RootKey, SecretAccessKey: RootSecret}, Region, hex.EncodeToString(sum[:]), time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return c, err
	}
	if resp.StatusCode != 200 {
		return c, fmt.Errorf("%s: %s", resp.Status, text)
	}
	for name, to := range map[string]*string{"AccessKeyId": &c.AccessKeyID, "SecretAccessKey": &c.SecretAccessKey, "SessionToken": &c.SessionToken} {
		_, rest, _ := strings.Cut(string(text), "<"+name+">")
		*to, _, _ = strings.Cut(rest, "<")
	}
	return c, nil
}

// ListWith lists buckets with credentials, and gives the status.
func ListWith(ctx context.Context, base string, c sigv4.Credentials) (int, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", base+"/", nil)
	if err != nil {
		return 0, err
	}
	sigv4.Sign(r, c, Region, sigv4.EmptyPayload, time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
