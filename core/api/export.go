package api

import (
	"time"

	"github.com/mucura/mucura/core/audit"
)

// export gives all that is kept of a person but her objects, which she gets by S3.
func (c *call) export() (any, error) {
	a, err := c.s.Accounts.Account(c.ctx, c.principal.ID())
	if err != nil {
		return nil, err
	}
	out := &Export{Made: c.now.UTC(), Account: accountView(a), Buckets: []ExportedBucket{}, Events: []AccessEvent{}, Missing: map[string]string{}}
	keys, err := c.keys(a.ID)
	if err != nil {
		return nil, err
	}
	sessions, err := c.sessions(a.ID)
	if err != nil {
		return nil, err
	}
	requests, err := c.s.Accounts.RequestsBy(c.ctx, a.ID)
	if err != nil {
		return nil, err
	}
	q, err := c.quotaOf(a)
	if err != nil {
		return nil, err
	}
	buckets, err := c.buckets()
	if err != nil {
		return nil, err
	}
	for _, b := range buckets {
		out.Buckets = append(out.Buckets, ExportedBucket{b.Name, b.Created, string(b.Versioning), b.Policy})
	}
	out.Keys, out.Sessions, out.Requests, out.Quota = keys.Keys, sessions.Sessions, requestsView(requests).Requests, *q
	c.exportEvents(out)
	return out, nil
}

// exportEvents adds the accesses to her objects and those she made.
func (c *call) exportEvents(out *Export) {
	if c.s.Audit == nil {
		out.Missing["events"] = "this site keeps no audit log"
		return
	}
	log, err := c.events(audit.Query{Owner: out.Account.ID, User: out.Account.ID, Max: 10000, Since: time.Unix(1, 0)})
	switch {
	case err != nil:
		out.Missing["events"] = "the audit log could not be read"
		return
	case !log.Complete:
		out.Missing["events"] = "only the newest are here; ask the operators for the rest"
	}
	out.Events = log.Events
}
