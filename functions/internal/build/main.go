// Build makes what a site deploys: a zip of each function for AWS Lambda, and an
// image of all of them for platforms that run containers. It needs Go alone, no
// container engine, and makes the same bytes of the same sources.
//
//	go run ./functions/internal/build [-out out/functions] [-release v1] [-arch arm64,amd64]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// functions are the mains below functions/cmd. The gateway is what the image
// runs unless told otherwise.
var functions = []string{"gateway", "credentials", "registration", "sweep"}

const (
	module = "github.com/mucura/mucura/functions"
	// maxZip bounds a zip, bytes: the time of a cold start grows with it.
	maxZip = 12 << 20
)

func main() {
	out := flag.String("out", "out/functions", "directory for what is made; it is replaced")
	release := flag.String("release", "unknown", "version to tell")
	arch := flag.String("arch", "arm64,amd64", "architectures")
	image := flag.Bool("image", true, "make the image, too")
	flag.Parse()
	b := &builder{out: *out, release: *release, image: *image}
	if err := b.run(context.Background(), strings.Split(*arch, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

type builder struct {
	out, release string
	image        bool
}

func (b *builder) run(ctx context.Context, arches []string) error {
	if err := os.RemoveAll(b.out); err != nil {
		return err
	}
	bins := map[string]map[string]string{} // by architecture and function
	for _, arch := range arches {
		dir := filepath.Join(b.out, "bin", arch)
		if err := b.compile(ctx, arch, dir); err != nil {
			return err
		}
		bins[arch] = map[string]string{}
		for _, f := range functions {
			bins[arch][f] = filepath.Join(dir, f)
			zip := filepath.Join(b.out, f+"-"+arch+".zip")
			n, err := writeZip(zip, bins[arch][f])
			if err != nil {
				return err
			}
			fmt.Printf("%s  %.1f MiB\n", zip, float64(n)/(1<<20))
			if n > maxZip {
				return fmt.Errorf("%s is larger than %d bytes", zip, maxZip)
			}
		}
	}
	if !b.image {
		return nil
	}
	roots, err := readRoots()
	if err != nil {
		return err
	}
	dir := filepath.Join(b.out, "image")
	digest, err := writeImage(dir, b.release, arches, bins, roots)
	if err == nil {
		fmt.Printf("%s  %s\n", dir, digest)
	}
	return err
}

// compile builds all functions for an architecture: one file each that runs on
// any Linux.
func (b *builder) compile(ctx context.Context, arch, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "grpcnotrace",
		"-ldflags", "-s -w -buildid= -X "+module+"/internal/function.Release="+b.release,
		"-o", dir+string(filepath.Separator), module+"/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// rootFiles are where systems keep the certificates of public authorities.
var rootFiles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// readRoots gives them: the image has no others. SSL_CERT_FILE names another file.
func readRoots() ([]byte, error) {
	files := rootFiles
	if f := os.Getenv("SSL_CERT_FILE"); f != "" {
		files = []string{f}
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil {
			return text, nil
		}
	}
	return nil, fmt.Errorf("no certificates of public authorities in %s: install ca-certificates", strings.Join(files, ", "))
}
