package app

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/fsck"
	"github.com/mucura/mucura/core/meta"
)

// figuresEvery is how old the figures of scrubbing may be: the process that scrubs
// is another one, often, and the stores know.
const figuresEvery = time.Minute

// scrubFigures are what the stores say of scrubbing, for metrics.
type scrubFigures struct {
	app *App

	mu   sync.Mutex
	at   time.Time
	last figures
}

type figures struct{ damaged, ended float64 }

func (s *scrubFigures) read() figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < figuresEvery {
		return s.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	s.at, s.last = time.Now(), figures{math.NaN(), math.NaN()}
	if page, err := s.app.Stores.Meta.Scan(ctx, catalog.Damaged, meta.Range{}); err == nil {
		s.last.damaged = float64(len(page.Entries))
	}
	if state, err := course.Read(ctx, s.app.Stores.Registry, fsck.ScrubJob); err == nil {
		s.last.ended = 0
		if !state.Ended.IsZero() {
			s.last.ended = float64(state.Ended.Unix())
		}
	}
	return s.last
}
