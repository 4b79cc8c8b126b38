package checksum

import "hash"

func newHash(string) hash.Hash { panic("unwritten") }
