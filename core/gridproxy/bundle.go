package gridproxy

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// maxBundleBytes bounds what a bundle unpacks to.
const maxBundleBytes = 256 << 20

// LoadTar reads a trust directory and a vomsdir from a tar archive, gzipped or
// not, such as `tar -C /etc/grid-security -czf trust.tgz certificates vomsdir`
// makes. What is below a directory named vomsdir is that; any other file counts
// by its base name. Links within the archive are followed.
func LoadTar(r io.Reader, now time.Time) (*Trust, error) {
	b := bundle{files: map[string][]byte{}, links: map[string]string{}}
	if err := b.read(r); err != nil {
		return nil, err
	}
	var certs, lsc []file
	names := slices.AppendSeq(slices.Collect(maps.Keys(b.files)), maps.Keys(b.links))
	slices.Sort(names)
	for _, name := range names {
		read := func() ([]byte, error) { return b.follow(name) }
		if _, rest, ok := strings.Cut("/"+name, "/vomsdir/"); ok {
			if strings.Count(rest, "/") == 1 {
				lsc = append(lsc, file{rest, read})
			}
			continue
		}
		certs = append(certs, file{path.Base(name), read})
	}
	return build(certs, lsc, now)
}

// bundle is an unpacked archive.
type bundle struct {
	files map[string][]byte
	links map[string]string // to a path in the archive
	size  int64
}

func (b *bundle) read(r io.Reader) error {
	buffered := bufio.NewReader(r)
	if magic, err := buffered.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		defer unzipped.Close()
		r = unzipped
	} else {
		r = buffered
	}
	end := &zeroTail{r: r}
	archive := tar.NewReader(end)
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) && end.zeros < 1024 {
			return io.ErrUnexpectedEOF
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.entry(head, archive); err != nil {
			return err
		}
	}
}

func (b *bundle) entry(head *tar.Header, r io.Reader) error {
	name := path.Clean("/" + head.Name)[1:]
	if len(b.files)+len(b.links) >= maxFiles {
		return errors.New("too many files in the bundle")
	}
	switch head.Typeflag {
	case tar.TypeSymlink:
		b.links[name] = path.Join("/", path.Dir(name), head.Linkname)[1:]
	case tar.TypeLink:
		b.links[name] = path.Clean("/" + head.Linkname)[1:]
	case tar.TypeReg:
		text, err := readLimited(r, min(maxFileBytes, maxBundleBytes-b.size))
		if err != nil {
			return err
		}
		b.size += int64(len(text))
		b.files[name] = text
	}
	return nil
}

// follow returns the content of a name, through a few links at most.
func (b *bundle) follow(name string) ([]byte, error) {
	for range 8 {
		if text, ok := b.files[name]; ok {
			return text, nil
		}
		target, ok := b.links[name]
		if !ok {
			break
		}
		name = target
	}
	return nil, fs.ErrNotExist
}

// zeroTail counts the zero bytes at the end of what was read: a whole archive
// ends with two blocks of them, which archive/tar does not insist on.
type zeroTail struct {
	r     io.Reader
	zeros int
}

// Read implements io.Reader.
func (z *zeroTail) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	tail := n - len(bytes.TrimRight(p[:n], "\x00"))
	if tail < n {
		z.zeros = 0
	}
	z.zeros += tail
	return n, err
}
