package app

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3"
	"github.com/mucura/mucura/core/sts"
)

// record writes an event to the audit log, where there is one.
func (a *App) record(e *audit.Event) {
	if a.Audit == nil {
		return
	}
	e.Site = a.Config.SiteName
	a.Audit.Add(e)
}

// ofSession adds what is known of who asks from her session.
func ofSession(e *audit.Event, s *catalog.Session) {
	if s == nil {
		return
	}
	e.Identity, e.Limited, e.VO = s.Identity, s.Limited, s.VO()
	if s.By == catalog.ByOIDC {
		e.Identity = s.Issuer + " " + s.Identity
	}
	if len(s.Groups) > 0 {
		e.PrimaryFQAN = s.Groups[0]
	}
}

// recordRequest writes the event of a finished S3 request.
func (a *App) recordRequest(e *s3.Event) {
	if a.Audit == nil {
		return
	}
	ev := &audit.Event{
		Kind: audit.KindRequest, Time: audit.At(e.Time), RequestID: e.ID, UserID: e.Account, User: e.Name, Auth: e.Auth,
		AccessKeyID: e.AccessKeyID, Bucket: e.Bucket, BucketOwnerID: e.Owner, Operation: e.LogName, Key: e.Key,
		VersionID: e.VersionID, HTTPStatus: e.Status, ErrorCode: e.Code, BytesIn: e.BytesIn, BytesOut: e.BytesOut,
		ObjectSize: e.ObjectSize, SizeDelta: e.SizeDelta, ObjectDelta: e.ObjectDelta,
		DurationMS: audit.Milliseconds(e.Duration), TurnaroundMS: audit.Milliseconds(e.Turnaround),
		RemoteIP: e.Remote, UserAgent: e.UserAgent, Host: e.Host, TLSVersion: e.TLS, Cipher: e.Suite,
	}
	if ev.Operation == "" {
		ev.Operation = "REST.UNKNOWN"
	}
	ofSession(ev, e.Session)
	a.record(ev)
}

// observeAuth counts, logs and records one request to the authentication server.
func (a *App) observeAuth(e sts.Event) {
	e.Host, e.UserAgent = audit.Clip(e.Host), audit.Clip(e.UserAgent)
	op := e.Op
	if op == "" {
		op = "unknown"
	}
	a.metrics.requests.Add(1, "STS."+op, strconv.Itoa(e.Status))
	if e.Code != "" {
		a.metrics.errors.Add(1, e.Code)
		a.metrics.authFailures.Add(1, e.Code, e.Reason)
	}
	a.countSlowed(e.Err)
	ev := &audit.Event{
		Kind: audit.KindRequest, Time: audit.At(e.Time), RequestID: e.ID, UserID: e.Account, User: e.Name, Auth: e.Auth,
		AccessKeyID: e.AccessKeyID, Operation: "STS." + op,
		Identity: e.Subject, HTTPStatus: e.Status, ErrorCode: e.Code, Reason: e.Reason, DurationMS: audit.Milliseconds(e.Duration),
		TurnaroundMS: audit.Milliseconds(e.Duration), RemoteIP: e.Remote, UserAgent: e.UserAgent, Host: e.Host, TLSVersion: e.TLS, Cipher: e.Suite,
	}
	if ev.Auth == "" {
		ev.Auth = "anonymous"
	}
	ev.Credential = credentialOf(&e)
	if e.Session != nil {
		ev.Kind, ev.AccessKeyID = audit.KindCredential, e.Session.ID
		ofSession(ev, e.Session)
	}
	a.record(ev)
	a.logAuth(&e, op)
}

// credentialOf is what was issued and for which chain, nil when there was neither.
func credentialOf(e *sts.Event) *audit.Credential {
	if e.Chain == nil && e.Session == nil {
		return nil
	}
	c := &audit.Credential{}
	if r := e.Chain; r != nil {
		c.LeafSubject, c.EECSubject, c.IssuingCA = r.LeafSubject, r.Identity, r.Issuer
		c.Type, c.Depth, c.Limited, c.FQANs, c.EndOfProxy = string(r.Type), r.Depth, r.Limited, r.FQANs, audit.At(r.NotAfter)
	}
	if s := e.Session; s != nil {
		c.AccessKeyID, c.Expiration, c.Limited, c.FQANs, c.Parent = s.ID, audit.At(s.Expires), s.Limited, s.Groups, s.Key
		if n := len(s.Parents); n > 0 {
			c.Parent = s.Parents[n-1]
		}
	}
	return c
}

// logAuth writes the one line a request to the authentication server gets.
func (a *App) logAuth(e *sts.Event, op string) {
	level := slog.LevelInfo
	if e.Status >= 500 {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("id", e.ID), slog.String("op", "STS."+op), slog.Int("status", e.Status),
		slog.Float64("ms", audit.Milliseconds(e.Duration)), slog.String("remote", e.Remote), slog.String("agent", e.UserAgent),
	}
	text := func(name, v string) {
		if v != "" {
			attrs = append(attrs, slog.String(name, v))
		}
	}
	text("code", e.Code)
	text("reason", e.Reason)
	text("account", e.Account)
	text("subject", e.Subject)
	text("signed_by", e.AccessKeyID)
	if e.Session != nil {
		text("access_key_id", e.Session.ID)
	}
	if e.Err != nil {
		text("error", e.Err.Error())
	}
	a.Log.LogAttrs(context.Background(), level, "authentication", attrs...)
}

// observeCall counts, logs and records one call of the API.
func (a *App) observeCall(e audit.Event, err error) {
	e.Host, e.UserAgent, e.Target = audit.Clip(e.Host), audit.Clip(e.UserAgent), audit.Clip(e.Target)
	a.metrics.requests.Add(1, e.Operation, strconv.Itoa(e.HTTPStatus))
	if e.ErrorCode != "" {
		a.metrics.errors.Add(1, e.ErrorCode)
	}
	a.countSlowed(err)
	a.record(&e)
	a.Accounts.Used(e.AccessKeyID, e.RemoteIP, e.UserAgent)
	level := slog.LevelInfo
	if e.HTTPStatus >= 500 {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("id", e.RequestID), slog.String("op", e.Operation), slog.String("account", e.UserID),
		slog.String("access_key_id", e.AccessKeyID), slog.String("target", e.Target), slog.Int("status", e.HTTPStatus),
		slog.Float64("ms", e.DurationMS), slog.String("code", e.ErrorCode), slog.String("remote", e.RemoteIP), slog.String("agent", e.UserAgent),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	a.Log.LogAttrs(context.Background(), level, "call", attrs...)
}
