package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/mucura/mucura/core/client/transfer"
)

// lineEvery is how often a batch log hears of progress.
const lineEvery = 30 * time.Second

// display shows what moves: bars on a terminal, a line now and then elsewhere.
type display struct {
	app   *app
	mu    sync.Mutex
	total int64 // announced bytes
	moved int64
	begun int
	ended int
	start time.Time

	bars *mpb.Progress // nil: lines
	sum  *mpb.Bar
	stop chan struct{} // ends the lines
	done sync.WaitGroup
}

// progress gives what transfers tell their progress to, nil with --quiet.
func (a *app) progress() transfer.Progress {
	if a.quiet {
		return nil
	}
	a.bars = &display{app: a, start: a.now()}
	return a.bars
}

// stopBars ends the display, before the last words are said.
func (a *app) stopBars() {
	if a.bars != nil {
		a.bars.close()
		a.bars = nil
	}
}

// aside writes something with the bars out of the way.
func (a *app) aside(write func()) {
	d := a.bars
	if d == nil {
		write()
		return
	}
	d.mu.Lock()
	bars := d.bars
	d.mu.Unlock()
	if bars == nil {
		write()
		return
	}
	// The bars are drawn on standard error: what is written to that terminal goes
	// through their writer, which puts it above them.
	stdout, stderr := a.stdout, a.stderr
	a.stderr = bars
	if _, ok := terminal(stdout); ok {
		a.stdout = bars
	}
	write()
	a.stdout, a.stderr = stdout, stderr
}

// Begin implements transfer.Progress.
func (d *display) Begin(name string, total int64) transfer.Task {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun == 0 {
		d.open()
	}
	d.begun++
	t := &shownTask{display: d, total: total}
	if total > 0 {
		d.total += total
	}
	if d.bars == nil {
		return t
	}
	d.sum.SetTotal(d.total, false)
	if total < 0 || total >= int64(d.app.partSize) {
		t.bar = d.bars.AddBar(max(total, 0), mpb.BarRemoveOnComplete(), mpb.BarPriority(d.begun),
			mpb.PrependDecorators(decor.Name(short(clean(name), 36), decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace), decor.AverageSpeed(decor.SizeB1024(0), "% .1f", decor.WCSyncSpace)))
	}
	return t
}

// short keeps the end of a name, which tells more than its beginning.
func short(name string, width int) string {
	r := []rune(name)
	if len(r) <= width {
		return name
	}
	return "…" + string(r[len(r)-width+1:])
}

// open begins to show something.
func (d *display) open() {
	d.stop = make(chan struct{})
	width, ok := terminal(d.app.stderr)
	if !ok {
		d.done.Go(d.lines)
		return
	}
	style := mpb.BarStyle()
	if d.app.env.Get("NO_COLOR") != "" || d.app.env.Get("TERM") == "dumb" {
		style = style.Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]")
	}
	d.bars = mpb.New(mpb.WithOutput(d.app.stderr), mpb.WithWidth(min(width, 100)), mpb.WithRefreshRate(150*time.Millisecond), mpb.WithAutoRefresh())
	d.sum = d.bars.New(0, style, mpb.BarPriority(1<<30),
		mpb.PrependDecorators(decor.Name("total", decor.WCSyncSpaceR), decor.Percentage(decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace), decor.AverageSpeed(decor.SizeB1024(0), "% .1f", decor.WCSyncSpace)))
}

// lines tells progress to a log.
func (d *display) lines() {
	t := time.NewTicker(lineEvery)
	defer t.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-t.C:
			d.mu.Lock()
			text := d.line()
			d.mu.Unlock()
			d.app.out.note("%s", text)
		}
	}
}

func (d *display) line() string {
	seconds := max(d.app.now().Sub(d.start).Seconds(), 0.001)
	return fmt.Sprintf("%d of %d done so far, %s of %s, %s/s", d.ended, d.begun, humanSize(d.moved), humanSize(d.total), humanSize(int64(float64(d.moved)/seconds)))
}

func (d *display) close() {
	d.mu.Lock()
	bars, stop := d.bars, d.stop
	d.mu.Unlock()
	if stop == nil {
		return
	}
	close(stop)
	d.done.Wait()
	if bars != nil {
		d.sum.SetTotal(-1, true)
		bars.Wait()
	}
}

// shownTask is one transfer that is shown.
type shownTask struct {
	display *display
	total   int64
	bar     *mpb.Bar
}

// Add implements transfer.Task.
func (t *shownTask) Add(n int64) {
	d := t.display
	d.mu.Lock()
	d.moved += n
	moved := d.moved
	d.mu.Unlock()
	if d.sum != nil {
		d.sum.SetCurrent(moved)
	}
	if t.bar != nil {
		t.bar.IncrInt64(n)
	}
}

// End implements transfer.Task.
func (t *shownTask) End() {
	d := t.display
	d.mu.Lock()
	d.ended++
	d.mu.Unlock()
	if t.bar != nil {
		t.bar.Abort(true)
	}
}

var _ io.Writer = (*mpb.Progress)(nil)
