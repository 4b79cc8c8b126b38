package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Query says which events are wanted. At least one of Owner and User is set:
// nobody reads what is not hers.
type Query struct {
	// Owner is the account whose buckets were accessed, User the one that asked;
	// with both, events of either.
	Owner, User string
	Bucket      string // "": any
	Prefix      string // of keys
	Since       time.Time
	Until       time.Time // zero: now
	Max         int       // most events; 0: 1000

	passed bool // a line was too long to be read
}

const (
	maxResults = 10000
	// maxSearched bounds how much one query reads, bytes.
	maxSearched = 1 << 30
	// maxLine is the longest line that is read, bytes; see Clip for how long one
	// can be.
	maxLine = 256 << 10
	// longestRequest is how much later than its time an event may be written.
	longestRequest = 24 * time.Hour
)

var errQuery = errors.New("query names neither owner nor user")

// Find gives the newest events that fit, newest first. complete is false when
// there may be more: Max was reached, so much was read that it stopped, or a line
// was too long to be read.
func (l *Log) Find(ctx context.Context, q Query) (events []Event, complete bool, err error) {
	if q.Owner == "" && q.User == "" {
		return nil, false, errQuery
	}
	if q.Max <= 0 {
		q.Max = 1000
	}
	q.Max = min(q.Max, maxResults)
	_ = l.Flush() // what cannot be written is not found
	days, err := l.days()
	if err != nil {
		return nil, false, err
	}
	slices.Sort(days)
	budget := int64(maxSearched)
	for _, day := range slices.Backward(days) {
		t, err := time.Parse(dayLayout, day)
		// An event has the time its request began, and lies where that ended.
		if err != nil || !q.Until.IsZero() && t.After(q.Until.Add(longestRequest)) {
			continue
		}
		if t.AddDate(0, 0, 1).Before(q.Since) {
			break
		}
		found, err := l.search(ctx, day, &q, &budget)
		if err != nil {
			return nil, false, err
		}
		slices.Reverse(found)
		events = append(events, found...)
		if len(events) > q.Max {
			return events[:q.Max], false, nil
		}
		if budget <= 0 {
			return events, false, nil
		}
	}
	return events, !q.passed, nil
}

// search gives the last events of a day that fit, one more than wanted, oldest first.
func (l *Log) search(ctx context.Context, day string, q *Query, budget *int64) ([]Event, error) {
	f, err := os.Open(l.path(day))
	if errors.Is(err, fs.ErrNotExist) { // removed this moment
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	defer f.Close()
	var found []Event
	r := bufio.NewReaderSize(f, maxLine)
	for n := 0; *budget > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		line, err := r.ReadSlice('\n')
		*budget -= int64(len(line))
		if err == io.EOF {
			break // a line without end is not finished yet
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			q.passed = true
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
		// Most lines are somebody else's: look before decoding.
		if !q.mayFit(line) {
			continue
		}
		var e Event
		if json.Unmarshal(line, &e) != nil || !q.fits(&e) {
			continue
		}
		if len(found) > 2*q.Max {
			found = append(found[:0], found[len(found)-q.Max:]...)
		}
		found = append(found, e)
	}
	if len(found) > q.Max+1 {
		found = found[len(found)-q.Max-1:]
	}
	return found, nil
}

func (q *Query) mayFit(line []byte) bool {
	return q.Owner != "" && bytes.Contains(line, []byte(q.Owner)) || q.User != "" && bytes.Contains(line, []byte(q.User))
}

func (q *Query) fits(e *Event) bool {
	switch {
	case !(q.Owner != "" && e.BucketOwnerID == q.Owner) && !(q.User != "" && e.UserID == q.User):
		return false
	case q.Bucket != "" && e.Bucket != q.Bucket:
		return false
	case !strings.HasPrefix(e.Key, q.Prefix):
		return false
	case e.Time.Before(q.Since):
		return false
	}
	return q.Until.IsZero() || !e.Time.After(q.Until)
}
