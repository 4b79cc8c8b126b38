package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/core/client"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// uploadState is what is remembered of an unfinished upload, so that the same
// command resumes it. Which parts are there the server knows.
type uploadState struct {
	Endpoint, Bucket, Key string
	Source                string
	Size                  int64
	ModTime               time.Time
	PartSize              int64
	UploadID              string
}

// stateFile is a locked file beside which no other process resumes the same.
type stateFile struct {
	file *os.File
	path string
}

// stateName is a name of fixed length for something that is resumed.
func stateName(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hexOf(sum[:12])
}

// openState opens and locks the state of an upload. It is nil when there is no
// place for it or another process is at the same upload: then nothing is
// remembered, and nothing resumed.
func (e *Engine) openState(s *uploadState) *stateFile {
	if e.StateDir == "" {
		return nil
	}
	dir := filepath.Join(e.StateDir, "uploads")
	if os.MkdirAll(dir, 0o700) != nil {
		return nil
	}
	path := filepath.Join(dir, stateName(s.Endpoint, s.Bucket, s.Key, s.Source)+".json")
	f, err := openLocked(path, 0o600)
	if err != nil {
		return nil
	}
	return &stateFile{f, path}
}

// errLocked: another process has the file.
var errLocked = errors.New("another process is at it")

// openLocked opens or makes a file that no other process of this command has.
// Whoever had it may have renamed or removed it between opening and locking:
// then what is locked is something else by now, a finished download perhaps.
func openLocked(path string, mode os.FileMode) (*os.File, error) {
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, mode)
		if err != nil {
			return nil, err
		}
		if lock(f) != nil {
			f.Close()
			return nil, errLocked
		}
		mine, err := f.Stat()
		if err == nil {
			var there os.FileInfo
			if there, err = os.Lstat(path); err == nil && os.SameFile(mine, there) {
				return f, nil
			}
		}
		f.Close()
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return nil, errLocked
}

// load reads what an earlier try remembered; false when it was about another
// content or there is nothing.
func (f *stateFile) load(want *uploadState) bool {
	if f == nil {
		return false
	}
	var got uploadState
	b, err := io.ReadAll(io.LimitReader(f.file, 64<<10))
	if err != nil || json.Unmarshal(b, &got) != nil || got.UploadID == "" || got.PartSize < minPart {
		return false
	}
	same := *want
	same.UploadID, same.PartSize = got.UploadID, got.PartSize
	if got.ModTime.Equal(same.ModTime) {
		same.ModTime = got.ModTime
	}
	if got != same {
		return false
	}
	*want = got
	return true
}

// save writes the state in place: the file is locked by its inode. A torn one is
// no JSON and so as good as none.
func (f *stateFile) save(s *uploadState) {
	if f == nil {
		return
	}
	b, err := json.Marshal(s)
	if err == nil && f.file.Truncate(0) == nil {
		_, _ = f.file.WriteAt(append(b, '\n'), 0)
	}
}

// close forgets the state, or keeps it for another try.
func (f *stateFile) close(keep bool) {
	if f == nil {
		return
	}
	if !keep {
		_ = os.Remove(f.path)
	}
	f.file.Close()
}

// resumable tells whether an upload that failed so should be kept: what is
// there is of use once the network, the server or the credentials are well
// again. Otherwise its parts would only fill a quota.
func resumable(err error) bool {
	switch client.KindOf(err) {
	case client.Network, client.Interrupted, client.Auth:
		return true
	}
	return false
}
