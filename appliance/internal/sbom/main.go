// Sbom writes the appliance's bill of materials, an SPDX 2.3 document: Debian's
// packages as dpkg knows them, and the Go modules linked into the programs given.
// The same input gives the same bytes.
//
//	sbom -version V -time SECONDS -packages FILE PROGRAM...
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	version := flag.String("version", "", "version of the image")
	epoch := flag.Int64("time", 0, "time of the image, seconds since 1970")
	packages := flag.String("packages", "", "file with Debian's packages, a line each: package, version, source, version of the source, separated by tabs")
	flag.Parse()
	if err := run(*version, time.Unix(*epoch, 0).UTC(), *packages, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(version string, made time.Time, packages string, programs []string) error {
	list, err := os.Open(packages)
	if err != nil {
		return err
	}
	defer list.Close()
	d := newDocument(version, made)
	if err := d.addDebian(list); err != nil {
		return fmt.Errorf("%s: %w", packages, err)
	}
	for _, p := range programs {
		if err := d.addProgram(p); err != nil {
			return err
		}
	}
	return d.write(os.Stdout)
}
