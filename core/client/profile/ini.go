// Package profile finds out whom to talk to and as whom: from the mucura
// command's own configuration, the environment, and the files of the AWS tools.
package profile

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// File is a configuration file of sections with names and values, as the AWS
// tools use it. Lines it does not understand are kept.
type File struct {
	lines []line
}

type line struct {
	section string // that the line lies in
	name    string // "" for comments, headings and others
	value   string
	text    string // as it was read
}

// Parse reads a file. Names are kept as they are written, section names without
// brackets and without AWS' word "profile". Indented lines belong to the setting
// above and are kept as text.
func Parse(b []byte) *File {
	f := new(File)
	section := ""
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		text := s.Text()
		trimmed := strings.TrimSpace(text)
		l := line{section: section, text: text}
		switch {
		case trimmed == "", trimmed[0] == '#', trimmed[0] == ';', text[0] == ' ', text[0] == '\t':
		case trimmed[0] == '[':
			inner, _, _ := strings.Cut(trimmed[1:], "]")
			inner = strings.TrimSpace(inner)
			if rest, ok := strings.CutPrefix(inner, "profile "); ok {
				inner = strings.TrimSpace(rest)
			}
			section = inner
			l.section = section
		default:
			if name, value, ok := strings.Cut(trimmed, "="); ok {
				l.name, l.value = strings.TrimSpace(name), strings.TrimSpace(value)
			}
		}
		f.lines = append(f.lines, l)
	}
	return f
}

// Read reads a file; one that is not there is empty.
func Read(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return new(File), nil
	}
	if err != nil {
		return nil, err
	}
	return Parse(b), nil
}

// Get gives a value, "" for none; of several the last.
func (f *File) Get(section, name string) (value string) {
	for _, l := range f.lines {
		if l.section == section && l.name == name {
			value = l.value
		}
	}
	return value
}

// Has tells whether there is a section of this name.
func (f *File) Has(section string) bool {
	for _, l := range f.lines {
		if l.section == section {
			return true
		}
	}
	return false
}

// Set changes a value, or adds it at the end of its section; "" removes it.
// heading is how the section is written when it must be made.
func (f *File) Set(section, heading, name, value string) error {
	if strings.ContainsAny(name+value+heading, "\r\n\x00") {
		return fmt.Errorf("a setting cannot have a line break")
	}
	last := -1
	kept := f.lines[:0]
	found := false
	for _, l := range f.lines {
		if l.section == section && l.name == name {
			if value == "" || found {
				continue
			}
			l.value, l.text, found = value, name+" = "+value, true
		}
		if l.section == section && strings.TrimSpace(l.text) != "" {
			last = len(kept)
		}
		kept = append(kept, l)
	}
	f.lines = kept
	if found || value == "" {
		return nil
	}
	add := line{section, name, value, name + " = " + value}
	if last < 0 {
		if n := len(f.lines); n > 0 && strings.TrimSpace(f.lines[n-1].text) != "" {
			f.lines = append(f.lines, line{section: f.lines[n-1].section})
		}
		f.lines = append(f.lines, line{section: section, text: "[" + heading + "]"}, add)
		return nil
	}
	f.lines = append(f.lines[:last+1], append([]line{add}, f.lines[last+1:]...)...)
	return nil
}

// Remove drops a section.
func (f *File) Remove(section string) {
	kept := f.lines[:0]
	for _, l := range f.lines {
		if l.section != section {
			kept = append(kept, l)
		}
	}
	f.lines = kept
}

// Bytes is the file as it is written.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	for _, l := range f.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// WriteFile replaces a file in one step; only its owner may read it. A link is
// followed, so that settings kept elsewhere stay there.
func WriteFile(path string, data []byte) error {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
