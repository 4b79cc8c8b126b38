package md5lanes

import (
	"os"
	"strings"
	"testing"
)

// TestHasAVX2 asks the kernel, too.
func TestHasAVX2(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip("needs /proc/cpuinfo:", err)
	}
	if want := strings.Contains(string(info), " avx2 "); hasAVX2() != want {
		t.Errorf("%v, the kernel says %v", hasAVX2(), want)
	}
}
