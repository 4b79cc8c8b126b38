package main

import (
	"context"
	"fmt"
	"log"

	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/setup"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

func theSite(h *host.Host) *site.Site { return &site.Site{Host: h, Log: log.Printf} }

func setupServe(ctx context.Context, c *call) error {
	listen := c.flags.String("listen", ":443", "address of the page")
	plain := c.flags.String("http-listen", ":80", "address of plain HTTP, which leads to the page; empty for none")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	s := &setup.Server{Site: theSite(c.host), Disks: manager(c.host), Listen: *listen, Plain: *plain, Preset: preset(c.host), Log: log.Printf}
	return s.Run(ctx)
}

// preset is what an incomplete seed says.
func preset(h *host.Host) *spec.Config {
	b, err := h.ReadFile(host.PresetFile)
	if err != nil {
		return nil
	}
	p, err := spec.Parse(b)
	if err != nil {
		log.Printf("preset: %v", err)
		return nil
	}
	return p
}

func setupCode(_ context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if theSite(c.host).Claimed() {
		return site.ErrClaimed
	}
	code, err := setup.Code(c.host)
	if err == nil {
		fmt.Println(code)
	}
	return err
}

// adminKey is for who has lost the pair, and stands at the machine.
func adminKey(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	key, err := theSite(c.host).RenewKey(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("access key ID      %s\nsecret access key  %s\n", key.ID, key.Secret)
	return nil
}
