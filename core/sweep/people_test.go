package sweep

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// person adds a person with a key, a session and a bucket full of versions.
func (l *lab) person(name string) (*catalog.Account, *catalog.Bucket) {
	l.Helper()
	a, err := l.Accounts.Add(ctx, accounts.NewAccount{Name: name, Quota: 1 << 40, Email: name + "@example.org"})
	l.must(err)
	_, err = l.Accounts.AddKey(ctx, a.ID, accounts.KeySpec{})
	l.must(err)
	_, _, err = l.Accounts.Issue(ctx, accounts.SessionSpec{Account: a.ID})
	l.must(err)
	_, err = l.Accounts.Ask(ctx, catalog.Request{Kind: catalog.AskQuota, Account: a.ID, Bytes: 1})
	l.must(err)
	b, err := l.CreateBucket(ctx, catalog.Bucket{Name: name + "-box", Owner: a.ID, Versioning: catalog.VersioningEnabled})
	l.must(err)
	for i := range 40 {
		l.put(b, fmt.Sprint("k", i%15), big(fmt.Sprint(i)))
	}
	l.remove(b, "k3", "")
	u := l.begin(b, "upload")
	l.part(b, "upload", u, 1, big("part"))
	return a, b
}

// recordsOf counts the records of the registry that name an account, those of
// deleted buckets' rubbish apart.
func (l *lab) recordsOf(a *catalog.Account) (n int) {
	l.Helper()
	for _, p := range []meta.Partition{
		catalog.Accounts, catalog.Usages, catalog.KeysOf(a.ID), catalog.BucketsOf(a.ID), catalog.SessionsOf(a.ID), catalog.RequestsOf(a.ID),
		catalog.AccessKeys, catalog.Requests, catalog.AccountNames, catalog.Buckets,
	} {
		l.must(scan(ctx, l.registry, p, "", "", true, func(e meta.Entry) error {
			for _, s := range []string{e.Key, string(e.Record.Value), string(p)} {
				if strings.Contains(s, a.ID) {
					n++
					return nil
				}
			}
			return nil
		}))
	}
	return n
}

func TestClosedAccount(t *testing.T) {
	onGrades(t, func(l *lab) {
		mia, _ := l.person("mia")
		ben, kept := l.person("ben")
		l.must(l.Accounts.Close(ctx, mia.ID))
		// What the deletion of a bucket leaves that was killed at its end.
		_, err := l.registry.Put(ctx, catalog.BucketsOf(mia.ID), "mia-gone", meta.Record{Value: []byte(time.Now().Add(-time.Hour).Format(time.RFC3339Nano))}, meta.Always)
		l.must(err)
		// Killed again and again, it goes on where it was.
		runs := 0
		for ; ; runs++ {
			var writes atomic.Int64 // calls may come at once
			l.hook.set(func(op string, p meta.Partition, key string) error {
				if op == "put" || op == "delete" || op == "batch" {
					if writes.Add(1) > 12 {
						return errDead
					}
				}
				return nil
			})
			var rep Report
			err := l.sweeper.closed(ctx, &rep)
			l.hook.set(nil)
			if err == nil && rep.Erased == 1 {
				break
			}
			time.Sleep(time.Minute) // what was young then counts no longer
			if runs > 60 {
				l.Fatalf("not erased: %v", err)
			}
		}
		if runs < 2 {
			l.Errorf("it was never cut short")
		}
		if n := l.recordsOf(mia); n != 0 {
			l.Errorf("%d records left", n)
		}
		time.Sleep(2 * leeway)
		for range 3 {
			_, err := l.sweeper.Run(ctx)
			l.must(err)
			time.Sleep(2 * leeway)
		}
		if _, err := l.Accounts.ByName(ctx, "mia"); !errors.Is(err, accounts.ErrNotFound) {
			l.Errorf("mia: %v", err)
		}
		l.open(kept, "k1", "")
		if got, err := l.Accounts.Account(ctx, ben.ID); err != nil || got.State != catalog.Active {
			l.Errorf("ben: %+v, %v", got, err)
		}
		held := 0
		l.must(l.content.Walk(ctx, "", func(content.Info) error { held++; return nil }))
		if held != 41 { // ben's 40 versions and his part
			l.Errorf("%d contents", held)
		}
	})
}

// What a lock holds is not deleted, and nothing else is lost for it.
func TestClosedAccountWithLock(t *testing.T) {
	onGrades(t, func(l *lab) {
		a, b := l.person("mia")
		until := time.Now().Add(72 * time.Hour)
		l.put(b, "held", "x", func(in *repo.PutObjectInput) {
			in.Object.Retention = catalog.Retention{Mode: catalog.Compliance, Until: until}
		})
		l.must(l.Accounts.Close(ctx, a.ID))
		var rep Report
		if err := l.sweeper.closed(ctx, &rep); err == nil || rep.Erased != 0 {
			l.Fatalf("erased a held object: %v", err)
		}
		l.open(b, "held", "")
		if _, err := l.Repo.Open(ctx, b, "k1", "", false); !errors.Is(err, s3err.NoSuchKey) {
			l.Errorf("k1: %v", err)
		}
		time.Sleep(73 * time.Hour)
		l.must(l.sweeper.closed(ctx, &rep))
		if rep.Erased != 1 {
			l.Error("not erased after the lock ended")
		}
	})
}

func TestSweepPeople(t *testing.T) {
	onGrades(t, func(l *lab) {
		mia, _ := l.person("mia")
		eve, err := l.Accounts.Add(ctx, accounts.NewAccount{Name: "eve", State: catalog.Requested, Email: "eve@example.org"})
		l.must(err)
		r, err := l.Accounts.Ask(ctx, catalog.Request{Kind: catalog.AskAccount, Account: eve.ID})
		l.must(err)
		_, err = l.Accounts.Decide(ctx, r.ID, accounts.Decision{By: "op"})
		l.must(err)
		l.must(l.Accounts.MayTry(ctx, accounts.Slowed{Kind: accounts.SlowCode, Who: "10.0.0.1"}))
		run := func() {
			var rep Report
			l.must(l.sweeper.people(ctx, &rep))
		}
		run()
		if l.count(catalog.SessionsOf(mia.ID)) != 1 || l.count(catalog.FailureCount) != 1 {
			l.Error("swept what is in use")
		}
		if _, err := l.Accounts.ByName(ctx, "eve"); err != nil {
			l.Errorf("eve cannot see that she was rejected: %v", err)
		}
		time.Sleep(31 * 24 * time.Hour)
		run()
		if l.count(catalog.SessionsOf(mia.ID)) != 0 || l.count(catalog.FailureCount) != 0 {
			l.Error("left what nobody needs")
		}
		if n := l.recordsOf(eve); n != 0 {
			l.Errorf("%d records of eve", n)
		}
		if l.count(catalog.RequestsOf(mia.ID)) != 1 {
			l.Error("a pending request was swept")
		}
	})
}

func (l *lab) count(p meta.Partition) (n int) {
	l.Helper()
	l.must(scan(ctx, l.registry, p, "", "", false, func(meta.Entry) error { n++; return nil }))
	return n
}
