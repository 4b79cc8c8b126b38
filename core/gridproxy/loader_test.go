package gridproxy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

func TestLoadOddDirectories(t *testing.T) {
	w := g.NewWorld()
	dir := g.Directory(w.RootAnchor, w.CAAnchor)
	put := func(name, text string) { dir[name] = &fstest.MapFile{Data: []byte(text)} }
	put("root.pem", "ignored")
	put("root.info", "ignored")
	put("0123456789.0", "ignored")
	put("ABCDEF01.0", "ignored")
	put("01234567.x", "ignored")
	put("01234567.0", "not a certificate")
	put("01234567.1", string(g.CertPEM([]byte("garbage"))))
	put("01234567.2", string(g.CertPEM(w.Alice.DER)))
	put("01234567.3", string(g.CertPEM(g.NewEEC("/CN=Self", nil).DER)))
	put("01234567.r0", "not a list")
	put("01234567.signing_policy", "not a policy")
	put("01234567.namespaces", "not namespaces")
	put("01234567.9", strings.Repeat(" ", 300<<10))
	voms := g.VOMSDir(g.VO, g.VOMSHost, g.LSC(w.AA))
	voms["bad/host.lsc"] = &fstest.MapFile{Data: []byte("x")}
	voms["bad/host.pem"] = &fstest.MapFile{Data: []byte("x")}
	voms["plain.lsc"] = &fstest.MapFile{Data: []byte("x")}
	trust, err := gridproxy.LoadFS(dir, voms, g.Now)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, p := range trust.Problems() {
		if p.Err == nil {
			t.Errorf("%s without error", p.File)
		}
		files = append(files, p.File)
	}
	want := "01234567.0 01234567.1 01234567.2 01234567.3 01234567.9 01234567.namespaces 01234567.r0 01234567.signing_policy bad/host.lsc"
	if got := strings.Join(files, " "); got != want {
		t.Errorf("problems with %s\nwant          %s", got, want)
	}
	if trust.Roots() != 1 || trust.Anchors() != 2 || !trust.LoadedAt().Equal(g.Now) {
		t.Errorf("%d roots of %d at %v", trust.Roots(), trust.Anchors(), trust.LoadedAt())
	}
	row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
}

func TestLoadFails(t *testing.T) {
	w := g.NewWorld()
	if _, err := gridproxy.LoadFS(fstest.MapFS{}, nil, g.Now); !errors.Is(err, gridproxy.ErrNoRoot) {
		t.Errorf("empty: %v", err)
	}
	if _, err := gridproxy.LoadFS(g.Directory(w.CAAnchor), nil, g.Now); !errors.Is(err, gridproxy.ErrNoRoot) {
		t.Errorf("no root: %v", err)
	}
	if _, err := gridproxy.LoadDir(filepath.Join(t.TempDir(), "missing"), "", g.Now); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/missing: ") {
		t.Errorf("missing: %v", err)
	}
	certs, _ := w.WriteDirs(t, t.TempDir())
	if _, err := gridproxy.LoadDir(certs, filepath.Join(t.TempDir(), "missing"), g.Now); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/missing: ") {
		t.Errorf("vomsdir missing: %v", err)
	}
}

// The usual directory: names with links to the hashes.
func TestLoadLinks(t *testing.T) {
	w := g.NewWorld()
	certs, vomsdir := w.WriteDirs(t, t.TempDir())
	for _, ca := range []*g.Entity{w.Root, w.CA} {
		stems := hashes(t, ca)
		for _, suffix := range []string{".0", ".signing_policy", ".namespaces"} {
			real := filepath.Join(certs, stems[0]+"-real"+suffix)
			if err := os.Rename(filepath.Join(certs, stems[0]+suffix), real); err != nil {
				t.Fatal(err)
			}
			for _, stem := range stems {
				link := filepath.Join(certs, stem+suffix)
				if err := errors.Join(os.RemoveAll(link), os.Symlink(filepath.Base(real), link)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	trust, err := gridproxy.LoadDir(certs, vomsdir, g.Now)
	if err != nil || len(trust.Problems()) > 0 || trust.Anchors() != 2 {
		t.Fatalf("%v, %v", err, trust)
	}
	proxy := g.NewProxy(w.Alice, g.Also(g.VOMS(w.AC(w.Alice, standard))))
	got, err := gridproxy.Verify(proxy.Chain(), g.Now, trust, gridproxy.Options{})
	if err != nil || got.VOMS != gridproxy.VOMSValid {
		t.Errorf("%v, %v", got, err)
	}
	// A policy that dangles is not the same as none.
	for _, stem := range hashes(t, w.CA) {
		link := filepath.Join(certs, stem+".signing_policy")
		if err := errors.Join(os.Remove(link), os.Symlink("nowhere", link)); err != nil {
			t.Fatal(err)
		}
	}
	if trust, err = gridproxy.LoadDir(certs, vomsdir, g.Now); err != nil {
		t.Fatal(err)
	}
	row{chain: w.Alice.Chain(), o: gridproxy.Options{AllowMissingSigningPolicy: true}, code: gridproxy.CodeSigningPolicy}.check(t, trust)
}

// bundle packs trees into an archive.
func bundle(t *testing.T, zip bool, trees map[string]fs.FS, links map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.Writer = &out
	if zip {
		z := gzip.NewWriter(&out)
		defer z.Close()
		w = z
	}
	archive := tar.NewWriter(w)
	for root, tree := range trees {
		err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			head := &tar.Header{Name: "./" + root + "/" + name, Mode: 0o644, Size: int64(len(text))}
			if err := archive.WriteHeader(head); err != nil {
				return err
			}
			_, err = archive.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		if err := archive.WriteHeader(&tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if z, ok := w.(*gzip.Writer); ok {
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestLoadTar(t *testing.T) {
	w := g.NewWorld()
	dir := w.Directory().(fstest.MapFS)
	old := hashes(t, w.CA)[1]
	delete(dir, old+".0")
	delete(dir, hashes(t, w.CA)[0]+".0")
	dir["ca.pem"] = &fstest.MapFile{Data: g.CertPEM(w.CA.DER)}
	links := map[string]string{
		"certificates/" + old + ".0": "ca.pem",
		"certificates/deadbeef.0":    "../../../etc/passwd",
		"certificates/deadbeee.0":    "deadbeee.0",
	}
	for _, zip := range []bool{false, true} {
		text := bundle(t, zip, map[string]fs.FS{"certificates": dir, "vomsdir": w.VOMSDir}, links)
		trust, err := gridproxy.LoadTar(bytes.NewReader(text), g.Now)
		if err != nil {
			t.Fatal(err)
		}
		if len(trust.Problems()) != 2 {
			t.Errorf("problems %v", trust.Problems())
		}
		proxy := g.NewProxy(w.Alice, g.Also(g.VOMS(w.AC(w.Alice, standard))))
		got, err := gridproxy.Verify(proxy.Chain(), g.Now, trust, gridproxy.Options{})
		if err != nil || got.VOMS != gridproxy.VOMSValid {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := gridproxy.LoadTar(bytes.NewReader(text[:len(text)/2]), g.Now); err == nil {
			t.Error("half a bundle was taken")
		}
	}
	if _, err := gridproxy.LoadTar(strings.NewReader(""), g.Now); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no bundle: %v", err)
	}
	if _, err := gridproxy.LoadTar(bytes.NewReader(bundle(t, false, nil, nil)), g.Now); !errors.Is(err, gridproxy.ErrNoRoot) {
		t.Errorf("empty bundle: %v", err)
	}
}

func TestDirLoader(t *testing.T) {
	ctx := context.Background()
	w := g.NewWorld()
	certs, vomsdir := w.WriteDirs(t, t.TempDir())
	now := g.Now
	l := gridproxy.NewDirLoader(certs, vomsdir, time.Minute, time.Hour)
	l.Now = func() time.Time { return now }
	current := func() *gridproxy.Trust {
		t.Helper()
		trust, err := l.Trust(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return trust
	}
	first := current()
	l.Poll(ctx)
	if current() != first {
		t.Error("read again without change")
	}
	revoke := filepath.Join(certs, hashes(t, w.CA)[0]+".r0")
	if err := os.WriteFile(revoke, g.CRLPEM(g.NewCRL(w.CA, append(revoked(w), w.Alice.Serial))), 0o644); err != nil {
		t.Fatal(err)
	}
	row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC}.check(t, current())
	l.Poll(ctx)
	second := current()
	row{chain: w.Alice.Chain(), code: gridproxy.CodeRevoked}.check(t, second)
	row{chain: w.Alice.Chain(), kind: gridproxy.TypeEEC}.check(t, first) // a snapshot never changes

	now = now.Add(time.Hour)
	l.Poll(ctx)
	third := current()
	if third == second {
		t.Error("not read again after its time")
	}
	for _, damage := range []func() error{
		func() error { return os.Rename(certs, certs+".away") },
		func() error { return os.Mkdir(certs, 0o755) }, // empty
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		l.Poll(ctx)
		if current() != third {
			t.Error("a good snapshot was replaced")
		}
		if l.Reload(ctx) == nil {
			t.Error("no error")
		}
	}
	if err := errors.Join(os.Remove(certs), os.Rename(certs+".away", certs)); err != nil {
		t.Fatal(err)
	}
	l.Poll(ctx)
	if current() != third {
		t.Error("read again, though it came back as it was")
	}
	if err := l.Reload(ctx); err != nil || current() == third {
		t.Errorf("not read after it came back: %v", err)
	}
}

func revoked(w *g.World) []*big.Int { return []*big.Int{w.Dave.Serial} }

func TestLoaderWithoutDirectory(t *testing.T) {
	l := gridproxy.NewDirLoader(filepath.Join(t.TempDir(), "missing"), "", time.Minute, time.Hour)
	if trust, err := l.Trust(context.Background()); err == nil || trust != nil {
		t.Errorf("%v, %v", trust, err)
	}
}

func TestRun(t *testing.T) {
	w := g.NewWorld()
	certs, vomsdir := w.WriteDirs(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		l := gridproxy.NewDirLoader(certs, vomsdir, time.Minute, time.Hour)
		done := make(chan struct{})
		go func() { l.Run(ctx); close(done) }()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		first, err := l.Trust(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if again, err := l.Trust(ctx); err != nil || again == first {
			t.Errorf("not read again: %v", err)
		}
		stop()
		<-done
	})
}

func TestBundleLoader(t *testing.T) {
	ctx := context.Background()
	w := g.NewWorld()
	text := bundle(t, true, map[string]fs.FS{"certificates": w.Directory(), "vomsdir": w.VOMSDir}, nil)
	now, opened, broken := g.Now, 0, false
	l := gridproxy.NewBundleLoader(func(context.Context) (io.ReadCloser, error) {
		opened++
		if broken {
			return nil, errors.New("the store is away")
		}
		return io.NopCloser(bytes.NewReader(text)), nil
	}, time.Hour, 24*time.Hour)
	l.Now = func() time.Time { return now }
	want := func(opens int, fails error) {
		t.Helper()
		if _, err := l.Trust(ctx); !errors.Is(err, fails) || (err != nil) != (fails != nil) {
			t.Errorf("got %v, want %v", err, fails)
		}
		if opened != opens {
			t.Errorf("opened %d times, want %d", opened, opens)
		}
	}
	want(1, nil)
	want(1, nil)
	now = now.Add(time.Hour)
	want(2, nil)
	broken = true
	now = now.Add(time.Hour)
	want(3, nil) // the old one serves
	want(3, nil) // and not every request tries
	now = now.Add(time.Minute)
	want(4, nil)
	now = now.Add(24 * time.Hour)
	want(5, gridproxy.ErrStale)
	want(5, gridproxy.ErrStale)
	broken = false
	now = now.Add(time.Minute)
	want(6, nil)
}
