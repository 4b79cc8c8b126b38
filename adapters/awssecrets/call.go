package awssecrets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

const (
	tryTimeout = 5 * time.Second
	maxTries   = 5
	// maxAnswer bounds an answer: a secret of 64 KiB whose every byte is escaped.
	maxAnswer = 512 << 10
)

// service is where an action is asked for, under which name it is signed, and
// the action.
type service struct{ endpoint, name, target string }

// call asks for an action of the JSON 1.1 protocol. What may pass is tried again,
// with growing pauses.
func (c *client) call(ctx context.Context, s service, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		again, err := c.try(ctx, s, body, out)
		if err == nil || !again || try == maxTries || ctx.Err() != nil {
			return err
		}
		pause := c.pause << (try - 1)
		select {
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// try asks once. again tells that it may work another time.
func (c *client) try(ctx context.Context, s service, body []byte, out any) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", s.target)
	sum := sha256.Sum256(body)
	sigv4.SignFor(s.name, req, c.creds, c.region, hex.EncodeToString(sum[:]), c.now())
	resp, err := c.http.Do(req)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return true, fmt.Errorf("answer: %w", err)
	case len(text) > maxAnswer:
		return false, errors.New("the answer is too large")
	case resp.StatusCode != http.StatusOK:
		return refused(resp, text)
	case json.Unmarshal(text, out) != nil:
		return false, errors.New("the answer is no JSON") // the decoder's error might quote it
	}
	return false, nil
}

// refused makes an error of an answer other than 200: its kind, not its text, in
// which a service may repeat what it was sent.
func refused(resp *http.Response, text []byte) (again bool, err error) {
	var e struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(text, &e)
	kind := e.Type[strings.LastIndexByte(e.Type, '#')+1:]
	again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests ||
		strings.Contains(kind, "Throttling") || strings.Contains(kind, "InternalServiceError") || strings.Contains(kind, "InternalServerError")
	return again, fmt.Errorf("%s answered %s %s", resp.Request.URL.Host, resp.Status, kind)
}
