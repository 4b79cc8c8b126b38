package s3

import (
	"encoding/base64"
	"unicode/utf8"
)

// Continuation tokens are the last key given. One that XML could not carry, or
// that looks encoded, is written in base64 after a tilde.

// encodeToken makes the token for a key.
func encodeToken(key string) string {
	if key == "" || (key[0] != '~' && printable(key)) {
		return key
	}
	return "~" + base64.RawURLEncoding.EncodeToString([]byte(key))
}

// decodeToken is the inverse of encodeToken.
func decodeToken(token string) (string, error) {
	if token == "" || token[0] != '~' {
		return token, nil
	}
	key, err := base64.RawURLEncoding.DecodeString(token[1:])
	if err != nil {
		return "", badArgument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(key), nil
}

// printable tells whether XML can carry s as it is, white space included.
func printable(s string) bool {
	if s[0] == ' ' || s[len(s)-1] == ' ' || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}
