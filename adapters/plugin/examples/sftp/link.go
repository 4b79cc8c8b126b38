package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/mucura/mucura/core/content"
)

// again is how long a failed connection is not tried again, so that many calls
// at once do not queue up behind it.
const again = time.Second

// link makes the connection when it is needed, and another when it is lost.
type link struct {
	settings *settings
	log      *slog.Logger
	turn     chan struct{} // holds one token: whoever has it may look at what follows
	now      *session      // nil when there is none
	failed   error         // the last try, at
	at       time.Time
	closed   bool
}

// session is one connection.
type session struct {
	*sftp.Client
	ssh  *ssh.Client
	lost chan struct{} // closed when the connection is
}

func newLink(s *settings, log *slog.Logger) *link {
	l := &link{settings: s, log: log, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// session gives the connection there is, or makes one.
func (l *link) session(ctx context.Context) (*session, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.turn:
	}
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return nil, fmt.Errorf("closed: %w", content.ErrUnavailable)
	}
	if l.now != nil && !l.now.isLost() {
		return l.now, nil
	}
	l.now = nil
	if l.failed != nil && time.Since(l.at) < again {
		return nil, l.failed
	}
	s, err := l.connect(ctx)
	if err != nil {
		err = fmt.Errorf("connect to %s: %w (%w)", l.settings.addr, err, content.ErrUnavailable)
		if ctx.Err() == nil {
			l.failed, l.at = err, time.Now()
		}
		return nil, err
	}
	l.now, l.failed = s, nil
	l.log.Info("connected", "addr", l.settings.addr, "server", string(s.ssh.ServerVersion()))
	return s, nil
}

func (l *link) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, l.settings.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.settings.addr)
	if err != nil {
		return nil, err
	}
	// Until the session stands, the end of ctx ends the connection.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, l.settings.addr, &l.settings.ssh)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &session{ssh: ssh.NewClient(c, channels, requests), lost: make(chan struct{})}
	if s.Client, err = sftp.NewClient(s.ssh, sftp.UseConcurrentWrites(true)); err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		s.ssh.Close()
		return nil, err
	}
	go func() {
		_ = s.Wait()
		close(s.lost)
		s.ssh.Close()
	}()
	go s.keepAlive(l.settings.keepAlive)
	return s, nil
}

// keepAlive asks the server for a sign of life and gives the connection up when
// there is none: all that wait for an answer then get an error.
func (s *session) keepAlive(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.lost:
			return
		case <-ticker.C:
		}
		silent := time.AfterFunc(every, func() { s.ssh.Close() })
		_, _, err := s.ssh.SendRequest("keepalive@openssh.com", true, nil)
		if silent.Stop(); err != nil {
			s.ssh.Close()
			return
		}
	}
}

func (s *session) isLost() bool {
	select {
	case <-s.lost:
		return true
	default:
		return false
	}
}

// do runs f, and once more over a new connection when the one there was turns
// out to be lost. f must do no harm when it is done twice.
func (l *link) do(ctx context.Context, f func(*session) error) error {
	for try := 0; ; try++ {
		s, err := l.session(ctx)
		if err != nil {
			return err
		}
		if err = f(s); err == nil || try > 0 || answered(err) || ctx.Err() != nil {
			return err
		}
		s.ssh.Close()
		<-s.lost
	}
}

// answered tells whether an error is the server's answer; else the connection
// is to blame.
func answered(err error) bool {
	var status *sftp.StatusError
	lost := errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.Is(err, sftp.ErrSSHFxNoConnection)
	return !lost && (errors.As(err, &status) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist))
}

func (l *link) close() error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	l.closed = true
	if l.now != nil {
		l.now.ssh.Close()
		<-l.now.lost
		l.now = nil
	}
	return nil
}
