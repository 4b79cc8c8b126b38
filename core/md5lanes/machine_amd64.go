package md5lanes

import "golang.org/x/sys/cpu"

// find finds what this processor has.
func find() machine {
	if cpu.X86.HasAVX2 {
		return avx2
	}
	return nil
}

// avx2 is a machine of AVX2. It takes 1.6 times as long as crypto/md5 with one
// message.
//
//go:noescape
func avx2(state *[4][lanes]uint32, messages *[lanes]*byte, blocks int)
