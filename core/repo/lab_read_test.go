package repo

import (
	"io"
	"strings"
)

func readRange(h *Handle, offset, length int) (string, error) {
	rc, err := h.Range(ctx, int64(offset), int64(length))
	if err != nil {
		return "", err
	}
	defer rc.Close()
	b, err := io.ReadAll(onlyReader{rc})
	return string(b), err
}

// copyRange reads by way of WriteTo.
func copyRange(h *Handle, offset, length int) (string, error) {
	rc, err := h.Range(ctx, int64(offset), int64(length))
	if err != nil {
		return "", err
	}
	defer rc.Close()
	var b strings.Builder
	_, err = io.Copy(&b, rc)
	return b.String(), err
}

// onlyReader hides all but Read.
type onlyReader struct{ io.Reader }
