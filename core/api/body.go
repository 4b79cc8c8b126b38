package api

import (
	"io"
	"net/http"
	"time"
)

// bodyTime is how long a client may take to send its body.
const bodyTime = 30 * time.Second

// InTime runs read, which reads the body of a request that w answers, and ends it
// when the client takes too long: a body that does not come must hold no place among
// the requests that are served at once.
func InTime(w http.ResponseWriter, read func() error) error {
	if w == nil {
		return read()
	}
	// Writers that are not connections have no deadline to set.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	err := read()
	if err == nil { // the server goes on watching the connection
		_ = control.SetReadDeadline(time.Time{})
	}
	return err
}

// readAll is io.ReadAll in time.
func readAll(w http.ResponseWriter, body io.Reader) (b []byte, err error) {
	err = InTime(w, func() error {
		b, err = io.ReadAll(body)
		return err
	})
	return b, err
}
