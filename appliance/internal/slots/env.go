// Package slots is the two copies of the system on a disk: an update goes into
// the idle one, is tried once, and stays only when it is healthy.
package slots

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// grubenv is GRUB's environment block: 1024 bytes, a header, lines, filler. GRUB
// writes into the file's blocks in place and never changes its length, and so do
// we: GRUB does not replay ext4's journal, so what only the journal knows would
// be invisible to it after a power cut.
const (
	envSize   = 1024
	envHeader = "# GRUB Environment Block\n"
)

// Env is GRUB's environment.
type Env map[string]string

// ErrBadEnv is a file that is not an environment block.
var ErrBadEnv = errors.New("not a GRUB environment block")

// ParseEnv reads an environment block.
func ParseEnv(b []byte) (Env, error) {
	if len(b) != envSize || !bytes.HasPrefix(b, []byte(envHeader)) {
		return nil, ErrBadEnv
	}
	e := Env{}
	for line := range strings.Lines(string(b[len(envHeader):])) {
		line, ended := strings.CutSuffix(line, "\n")
		if !ended || strings.HasPrefix(line, "#") {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		if !ok {
			return nil, ErrBadEnv
		}
		e[name] = strings.NewReplacer(`\\`, `\`, `\=`, `=`).Replace(v)
	}
	return e, nil
}

// Bytes writes an environment block. Only names and values of our own kind can
// be written.
func (e Env) Bytes() ([]byte, error) {
	var b strings.Builder
	b.WriteString(envHeader)
	for _, name := range []string{"slot", "try"} {
		if v, ok := e[name]; ok {
			fmt.Fprintf(&b, "%s=%s\n", name, v)
		}
	}
	for name := range e {
		if name != "slot" && name != "try" {
			return nil, fmt.Errorf("%w: unknown variable %q", ErrBadEnv, name)
		}
	}
	if strings.ContainsAny(e["slot"]+e["try"], "\n\\=") || b.Len() > envSize {
		return nil, ErrBadEnv
	}
	b.WriteString(strings.Repeat("#", envSize-b.Len()))
	return []byte(b.String()), nil
}

// readEnv reads the environment of a system partition.
func readEnv(path string) (Env, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, envSize+1))
	if err != nil {
		return nil, err
	}
	return ParseEnv(b)
}

// writeEnv overwrites it in place, durably. The block is two sectors.
func writeEnv(path string, e Env) error {
	b, err := e.Bytes()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Sync(), f.Close())
}
