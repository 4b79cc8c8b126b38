package repo

import (
	"context"
	"sync"

	"github.com/mucura/mucura/core/catalog"
)

// readAhead is how many records of parts are read at once where each is read by itself.
const readAhead = 32

// listedParts gives the parts that a client lists, in her order. Where scans are
// fresh they come from a scan; elsewhere, as the last parts may not show in one
// yet, each is read by its key.
type listedParts struct {
	r      *Repo
	in     *CompleteUploadInput
	upload *catalog.Upload

	listed []CompletedPart // not given yet
	scan   *cursor         // nil: by key
	ahead  []*catalog.Part // of listed, as far as read; nil: there is none
}

func (r *Repo) listedParts(in *CompleteUploadInput, u *catalog.Upload) *listedParts {
	l := &listedParts{r: r, in: in, upload: u, listed: in.Parts}
	caps := r.Meta.Capabilities()
	if caps.ScanSettles() == 0 {
		l.scan = r.partsAfter(in.Bucket, u.ID, 0, in.Parts[len(in.Parts)-1].Number)
	}
	return l
}

// next gives the next part; nil when it is not there.
func (l *listedParts) next(ctx context.Context) (*catalog.Part, error) {
	number := l.listed[0].Number
	l.listed = l.listed[1:]
	if l.scan != nil {
		return l.scanned(ctx, number)
	}
	if len(l.ahead) == 0 {
		if err := l.fill(ctx, number); err != nil {
			return nil, err
		}
	}
	p := l.ahead[0]
	l.ahead = l.ahead[1:]
	return p, nil
}

func (l *listedParts) scanned(ctx context.Context, number int) (*catalog.Part, error) {
	for {
		e, err := l.scan.peek(ctx)
		if err != nil || e == nil {
			return nil, err
		}
		p, err := catalog.DecodePart(e.Record.Value)
		if err != nil {
			return nil, damaged(l.in.Bucket, e.Key, err)
		}
		if p.Number > number {
			return nil, nil
		}
		l.scan.pop()
		if p.Number == number {
			return p, nil
		}
	}
}

// fill reads the part of a number and some that follow it, all at once.
func (l *listedParts) fill(ctx context.Context, number int) error {
	numbers := []int{number}
	for i := range l.listed[:min(readAhead-1, len(l.listed))] {
		numbers = append(numbers, l.listed[i].Number)
	}
	l.ahead = make([]*catalog.Part, len(numbers))
	errs := make([]error, len(numbers))
	var wg sync.WaitGroup
	for i, n := range numbers {
		wg.Go(func() {
			l.ahead[i], _, errs[i] = l.r.readPart(ctx, holder{bucket: l.in.Bucket, key: l.in.Key, uploadID: l.upload.ID, part: n})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return wrap(err)
		}
	}
	return nil
}
