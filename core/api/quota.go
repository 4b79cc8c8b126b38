package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
)

func (c *call) getQuota() (any, error) {
	// The principal's account may be of a moment ago.
	a, err := c.s.Accounts.Account(c.ctx, c.principal.ID())
	if err != nil {
		return nil, err
	}
	return c.quotaOf(a)
}

func (c *call) quotaOf(a *catalog.Account) (*Quota, error) {
	u, err := c.s.Quota.Usage(c.ctx, a.ID)
	if err != nil {
		return nil, err
	}
	q := &Quota{Bytes: a.Quota, Cap: a.QuotaCap, Used: u.Bytes}
	for _, l := range u.Leases {
		q.Reserved += l.Bytes
	}
	return q, nil
}

// atMost tells whether a quota is within a limit; -1 is none, of either.
func atMost(bytes, limit int64) bool {
	return limit < 0 || bytes >= 0 && bytes <= limit
}

// errAsk: the quota asked for is an operator's to give.
var errAsk = errors.New("above the cap")

// setQuota gives a quota up to the cap at once; above it, it asks the operators.
func (c *call) setQuota() (any, error) {
	var in SetQuota
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Bytes < -1 {
		return nil, invalid("bytes: give 0 or more, or -1 for no limit.")
	}
	u, err := c.s.Quota.Usage(c.ctx, c.principal.ID())
	if err != nil {
		return nil, err
	}
	if in.Bytes >= 0 && in.Bytes < u.Bytes {
		return nil, fault{http.StatusConflict, CodeConflict, fmt.Sprintf("%d bytes are in use; the quota cannot be lower.", u.Bytes)}
	}
	a, err := c.s.Accounts.Update(c.ctx, c.principal.ID(), func(a *catalog.Account) error {
		if !atMost(in.Bytes, a.Quota) && !atMost(in.Bytes, a.QuotaCap) {
			return errAsk
		}
		a.Quota = in.Bytes
		return nil
	})
	if errors.Is(err, errAsk) {
		return c.askQuota(in)
	}
	if err != nil {
		return nil, err
	}
	return c.quotaOf(a)
}

func (c *call) askQuota(in SetQuota) (any, error) {
	if in.Reason == "" {
		return nil, invalid("This is above what you can give yourself. Say in one sentence what it is for (reason); it goes to the operators.")
	}
	r, err := c.s.Accounts.Ask(c.ctx, catalog.Request{
		Kind: catalog.AskQuota, Account: c.principal.ID(), Bytes: in.Bytes, Reason: in.Reason, Evidence: evidence(c.principal),
	})
	if err != nil {
		return nil, err
	}
	v, err := c.getQuota()
	if err != nil {
		return nil, err
	}
	q := v.(*Quota)
	view := requestView(r)
	q.Request = &view
	return q, nil
}

// evidence is what is known of who asks, for an operator to decide by.
func evidence(p *catalog.Principal) []catalog.Tag {
	list := []catalog.Tag{{Key: "name", Value: p.Account.Display()}}
	add := func(name, value string) {
		if value != "" {
			list = append(list, catalog.Tag{Key: name, Value: value})
		}
	}
	add("email", p.Account.Email)
	if s := p.Session; s != nil {
		add("identity", s.Identity)
		add("issuer", s.Issuer)
		add("vo", s.VO())
	}
	return list
}

func requestView(r *catalog.Request) Request {
	v := Request{
		ID: r.ID, Kind: string(r.Kind), Account: r.Name, State: string(r.State), Created: r.Created, Bytes: r.Bytes,
		Reason: r.Reason, Decided: r.Decided, By: r.By, Answer: r.Answer,
	}
	for _, t := range r.Evidence {
		v.Evidence = append(v.Evidence, Fact{t.Key, t.Value})
	}
	return v
}

func (c *call) myRequests() (any, error) {
	list, err := c.s.Accounts.RequestsBy(c.ctx, c.principal.ID())
	return requestsView(list), err
}

func requestsView(list []catalog.Request) *Requests {
	out := &Requests{Requests: []Request{}}
	for i := range list {
		out.Requests = append(out.Requests, requestView(&list[i]))
	}
	return out
}

// usageTime is how long one call counts.
const usageTime = 10 * time.Second

// usage counts what is in each bucket. It reads a line of every record, so a
// large account's may not be complete in one call.
func (c *call) usage() (any, error) {
	u, err := c.s.Quota.Usage(c.ctx, c.principal.ID())
	if err != nil {
		return nil, err
	}
	out := &Usage{Quota: c.principal.Account.Quota, Used: u.Bytes, Objects: u.Objects, Buckets: []BucketUsage{}, Complete: true}
	buckets, err := c.buckets()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, usageTime)
	defer cancel()
	for _, b := range buckets {
		if !c.mayMeasure(b) {
			continue
		}
		f, err := c.s.Repo.Measure(ctx, b)
		if ctx.Err() != nil && c.ctx.Err() == nil {
			out.Complete = false
			break
		}
		if err != nil {
			return nil, err
		}
		out.Buckets = append(out.Buckets, BucketUsage{b.Name, count(f.Current), count(f.Versions), count(f.Trash), count(f.Uploads)})
	}
	return out, nil
}

// mayMeasure tells whether the caller may know what is in a bucket: of credentials
// that are narrowed, whether they may list all of it.
func (c *call) mayMeasure(b *catalog.Bucket) bool {
	return !c.principal.Narrowed() || access.Site{}.Decide(access.Request{
		Principal: c.principal, Action: "s3:ListBucket", Bucket: b,
	}).Allow
}

func count(c repo.Count) Count { return Count{c.Objects, c.Bytes} }

// buckets lists the caller's buckets, all of them.
func (c *call) buckets() (all []*catalog.Bucket, err error) {
	after := ""
	for more := true; more; {
		var page []*catalog.Bucket
		if page, more, err = c.s.Repo.ListBuckets(c.ctx, c.principal.ID(), "", after, 1000); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		all, after = append(all, page...), page[len(page)-1].Name
	}
	return all, nil
}
