package login

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/client"
)

// FindToken looks for a bearer token where WLCG's discovery does
// (https://github.com/WLCG-AuthZ-WG/bearer-token-discovery): $BEARER_TOKEN, the
// file $BEARER_TOKEN_FILE, bt_u<uid> in $XDG_RUNTIME_DIR, then in /tmp. "" when
// there is none; a file that was named must be there, and one that was not must
// be the person's own. from says where it was.
func FindToken(get func(string) string) (token, from string, err error) {
	if t := strings.TrimSpace(get("BEARER_TOKEN")); t != "" {
		return t, "$BEARER_TOKEN", nil
	}
	if path := get("BEARER_TOKEN_FILE"); path != "" {
		token, err = readToken(path)
		return token, path, err
	}
	name := "bt_u" + strconv.Itoa(os.Getuid())
	dirs := []string{"/tmp"}
	if d := get("XDG_RUNTIME_DIR"); d != "" {
		dirs = []string{d, "/tmp"}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if ours(path) {
			token, err = readToken(path)
			return token, path, err
		}
	}
	return "", "", nil
}

func readToken(path string) (string, error) {
	b, err := read(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s: there is no token in it", path)
	}
	return token, nil
}

// claims are what this side of a token wants to know; it is not verified here.
type claims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	Expires int64  `json:"exp"`
}

func claimsOf(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(b, &c) == nil
}

// CheckToken tells in words when a token is of no use now.
func CheckToken(token, from string, now time.Time) error {
	c, ok := claimsOf(token)
	if !ok || c.Expires == 0 || now.Unix() < c.Expires {
		return nil // the server will say
	}
	return &client.AuthError{Message: fmt.Sprintf("your token expired at %s (%s); get another (htgettoken, oidc-token)", time.Unix(c.Expires, 0).UTC().Format(time.RFC3339), from)}
}
