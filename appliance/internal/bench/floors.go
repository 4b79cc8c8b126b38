package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/unpaced"
	"golang.org/x/sys/unix"
)

// floor is work that no server of such requests can do without, done with
// nothing around it. What it costs here is the least that a request can cost.
type floor struct {
	name string
	mib  int // MiB of one call
	// open prepares; the calls of once are measured.
	open func(dir string) (once func() error, closing func(), err error)
}

func floors() []floor {
	return []floor{
		{"MD5 and SHA-256 (PUT, signed payload)", 1, digestFloor},
		{"the same and CRC64NVME", 1, threeDigestsFloor},
		{"a new file written and synced", 1, func(dir string) (func() error, func(), error) { return fileFloor(dir, 0) }},
		{"the same past the page cache", 1, func(dir string) (func() error, func(), error) { return fileFloor(dir, unix.O_DIRECT) }},
		{"a body read from a socket", 1, receiveFloor},
		{"a file of 1 MiB sent (sendfile)", 1, func(dir string) (func() error, func(), error) { return sendFloor(dir, 1) }},
		{"a file of 16 MiB sent (sendfile)", 16, func(dir string) (func() error, func(), error) { return sendFloor(dir, 16) }},
		{"encryption in TLS records", 1, sealFloor},
	}
}

// floorsRun prints what each floor costs per MiB: the median of rounds, which
// are interleaved.
func floorsRun(o options) error {
	dir, err := os.MkdirTemp(o.dir, "mucura-floors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("the least that bytes cost here: µs of CPU per MiB, one stream, median (spread) of %d rounds\n\n", o.rounds)
	got := make([][]float64, len(floors()))
	for range o.rounds {
		for i, f := range floors() {
			v, err := f.cost(dir)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			got[i] = append(got[i], v)
		}
	}
	for i, f := range floors() {
		fmt.Printf("%-40s%6.0f (%.0f-%.0f)\n", f.name, median(got[i]), slices.Min(got[i]), slices.Max(got[i]))
	}
	return nil
}

// cost runs a floor for 64 MiB.
func (f floor) cost(dir string) (float64, error) {
	once, closing, err := f.open(dir)
	if err != nil {
		return 0, err
	}
	defer closing()
	before := ownCPU()
	n := 64 / f.mib
	for range n {
		if err := once(); err != nil {
			return 0, err
		}
	}
	return float64((ownCPU() - before).Microseconds()) / float64(n*f.mib), nil
}

// ownCPU is user and system time of this process.
func ownCPU() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

const mebibyte = 1 << 20

func digestFloor(string) (func() error, func(), error) {
	data := make([]byte, mebibyte)
	return func() error {
		md5.Sum(data)
		sha256.Sum256(data)
		return nil
	}, func() {}, nil
}

func threeDigestsFloor(string) (func() error, func(), error) {
	data := make([]byte, mebibyte)
	return func() error {
		md5.Sum(data)
		sha256.Sum256(data)
		h := checksum.New("CRC64NVME")
		_, err := h.Write(data)
		h.Sum(nil)
		return err
	}, func() {}, nil
}

func fileFloor(dir string, flags int) (func() error, func(), error) {
	data := make([]byte, mebibyte) // begins at a page, as O_DIRECT wants
	name := filepath.Join(dir, "file")
	return func() error {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|flags, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		return errors.Join(err, f.Sync(), f.Close(), os.Remove(name))
	}, func() {}, nil
}

func sealFloor(string) (func() error, func(), error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	const record = 16 << 10
	plain, sealed, nonce := make([]byte, record), make([]byte, 0, record+aead.Overhead()), make([]byte, aead.NonceSize())
	return func() error {
		for range mebibyte / record {
			sealed = aead.Seal(sealed[:0], nonce, plain, nil)
		}
		return nil
	}, func() {}, nil
}

// receiveFloor reads what a second process sends without end.
func receiveFloor(string) (func() error, func(), error) {
	c, stop, err := second("source")
	buf := make([]byte, 256<<10)
	return func() error {
		for left := mebibyte; left > 0; {
			n, err := c.Read(buf[:min(left, len(buf))])
			if err != nil {
				return err
			}
			left -= n
		}
		return nil
	}, stop, err
}

// sendFloor sends a file to a second process, which reads and drops it.
func sendFloor(dir string, mib int) (func() error, func(), error) {
	f, err := os.CreateTemp(dir, "sent")
	if err != nil {
		return nil, nil, err
	}
	if _, err := f.Write(make([]byte, mib*mebibyte)); err != nil {
		return nil, nil, err
	}
	c, stop, err := second("sink")
	return func() error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(c, io.LimitReader(f, int64(mib*mebibyte)))
		return err
	}, func() { stop(); f.Close() }, err
}

// second starts this program once more as the other end of a connection.
func second(role string) (net.Conn, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	l = unpaced.Listen(l) // as the server does
	cmd := exec.CommandContext(context.Background(), os.Args[0], "-peer-of-floor", role+" "+l.Addr().String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	c, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	return c, func() {
		_ = c.Close()
		_ = cmd.Wait()
	}, nil
}

// peerOfFloor is what the second process does until its peer goes away.
func peerOfFloor(what string) error {
	var role, addr string
	if _, err := fmt.Sscan(what, &role, &addr); err != nil {
		return err
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	move := c.Read
	if role == "source" {
		move = c.Write
	}
	buf := make([]byte, 256<<10)
	for {
		if _, err := move(buf); err != nil {
			return nil
		}
	}
}
