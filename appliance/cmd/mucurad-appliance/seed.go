package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/mucura/mucura/appliance/internal/seed"
)

func seedApply(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	s := &seed.Seeder{Host: c.host, Log: log.Printf}
	out, err := s.Apply(ctx)
	if err != nil {
		return err
	}
	switch {
	case out.Claimed:
		fmt.Println("configured from", out.Source)
	case out.Source != "":
		fmt.Println("unclaimed; preset from", out.Source)
	default:
		fmt.Println("unclaimed")
	}
	return nil
}

// seedCheck is for people who write a seed, on any machine.
func seedCheck(_ context.Context, c *call) error {
	file := c.flags.String("check", "", "file to check")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if *file == "" {
		return errors.New("seed: --check FILE is missing (or is it \"seed apply\"?)")
	}
	f, err := seed.Check(*file)
	if err != nil {
		return err
	}
	for _, n := range f.Notes {
		fmt.Println(n)
	}
	if !f.Config.Claims() {
		fmt.Println("good; it does not name the administrator's key pair, so the set-up code is still needed")
		return nil
	}
	fmt.Println("good")
	return nil
}
