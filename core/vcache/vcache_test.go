package vcache

import (
	"strconv"
	"testing"
)

func TestGetWantsTheVersion(t *testing.T) {
	var c Cache[int]
	if _, ok := c.Get("a", "1"); ok {
		t.Fatal("an empty cache has a value")
	}
	c.Put("a", "1", 10)
	if v, ok := c.Get("a", "1"); !ok || v != 10 {
		t.Fatalf("Get = %d, %v", v, ok)
	}
	if _, ok := c.Get("a", "2"); ok {
		t.Fatal("a value of another version was given")
	}
	c.Put("a", "2", 20)
	if _, ok := c.Get("a", "1"); ok {
		t.Fatal("the older version is still there")
	}
	if v, _ := c.Get("a", "2"); v != 20 {
		t.Fatalf("Get = %d, want 20", v)
	}
}

func TestPutIsBounded(t *testing.T) {
	var c Cache[int]
	for i := range Max + 100 {
		c.Put(strconv.Itoa(i), "1", i)
	}
	if len(c.m) != Max {
		t.Fatalf("%d entries, want %d", len(c.m), Max)
	}
	last := strconv.Itoa(Max + 99)
	if _, ok := c.Get(last, "1"); !ok {
		t.Fatal("the newest entry is not there")
	}
}
