package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/audit"
)

func (c *call) accessLog() (any, error) {
	return c.events(audit.Query{Owner: c.principal.ID()})
}

// events searches the audit log as the query parameters say.
func (c *call) events(q audit.Query) (*AccessLog, error) {
	if c.s.Audit == nil {
		return nil, fault{http.StatusNotImplemented, CodeOff, "This site keeps no audit log."}
	}
	v := c.r.URL.Query()
	q.Bucket, q.Prefix = v.Get("bucket"), v.Get("prefix")
	for name, t := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		text := v.Get(name)
		if text == "" {
			continue
		}
		var err error
		if *t, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, invalid(name + " is not a time such as 2026-01-02T15:04:05Z.")
		}
	}
	if text := v.Get("max"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10000 {
			return nil, invalid("max is not a number from 1 to 10000.")
		}
		q.Max = n
	}
	if q.Since.IsZero() {
		q.Since = c.now.AddDate(0, 0, -30)
	}
	found, complete, err := c.s.Audit.Find(c.ctx, q)
	if err != nil {
		return nil, err
	}
	out := &AccessLog{Events: []AccessEvent{}, Complete: complete}
	for i := range found {
		e := &found[i]
		out.Events = append(out.Events, AccessEvent{
			Time: e.Time.Time, RequestID: e.RequestID, Who: e.User, Identity: e.Identity, Auth: e.Auth,
			AccessKeyID: e.AccessKeyID, Operation: e.Operation, Bucket: e.Bucket, Key: e.Key, VersionID: e.VersionID,
			Status: e.HTTPStatus, ErrorCode: e.ErrorCode, BytesIn: e.BytesIn, BytesOut: e.BytesOut,
			Address: e.RemoteIP, Agent: e.UserAgent,
		})
	}
	return out, nil
}
