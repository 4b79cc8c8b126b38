package checksum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"hash/crc32"

	"github.com/minio/crc64nvme"
)

// algorithm is one row of S3's table of checksums.
type algorithm struct {
	name   string
	header string
	size   int
	crc    polynomial // zero for what is not a CRC
}

var algorithms = [...]algorithm{
	{"CRC32", "x-amz-checksum-crc32", 4, polynomial{width: 32, bits: crc32.IEEE}},
	{"CRC32C", "x-amz-checksum-crc32c", 4, polynomial{width: 32, bits: crc32.Castagnoli}},
	{"CRC64NVME", "x-amz-checksum-crc64nvme", 8, polynomial{width: 64, bits: nvme}},
	{"SHA1", "x-amz-checksum-sha1", sha1.Size, polynomial{}},
	{"SHA256", "x-amz-checksum-sha256", sha256.Size, polynomial{}},
	{"SHA512", "x-amz-checksum-sha512", sha512.Size, polynomial{}},
	{"MD5", "x-amz-checksum-md5", md5.Size, polynomial{}},
	{"XXHASH64", "x-amz-checksum-xxhash64", 8, polynomial{}},
	{"XXHASH3", "x-amz-checksum-xxhash3", 8, polynomial{}},
	{"XXHASH128", "x-amz-checksum-xxhash128", 16, polynomial{}},
}

func lookup(name string) *algorithm {
	for i := range algorithms {
		if algorithms[i].name == name {
			return &algorithms[i]
		}
	}
	return nil
}

func newHash(name string) hash.Hash {
	switch name {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)) // the table is the library's own, made once
	case "CRC64NVME":
		return crc64nvme.New()
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	case "SHA512":
		return sha512.New()
	case "MD5":
		return md5.New()
	case "XXHASH64":
		return newXXH64()
	case "XXHASH3":
		return newXXH3(8)
	case "XXHASH128":
		return newXXH3(16)
	}
	return nil
}
