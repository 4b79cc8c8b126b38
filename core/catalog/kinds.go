package catalog

import "github.com/mucura/mucura/core/meta"

// Family tells how many partitions of a kind there are.
type Family uint8

// The families.
const (
	Single     Family = iota // one
	PerAccount               // one an account, named by its ID
	PerBucket                // one a bucket, and a deleted bucket not swept yet, named by its ID
	PerDigit                 // one a hexadecimal digit
)

// Copying tells what a migration to other stores does with the records of a kind.
type Copying uint8

// What it does.
const (
	Verbatim  Copying = iota // copies them as they are
	Laid                     // copies them with the contents they name, laid out as the target wants it
	Recounted                // counts anew what they say
	Local                    // leaves them: they are about this store
)

// Kind is a kind of partitions.
type Kind struct {
	Prefix   string // the whole name, or what comes before the family's part
	Registry bool   // they lie in the registry, not the catalogue
	Family   Family
	Copying  Copying
}

// Kinds are all there are. Who adds a partition adds its kind here, or a test
// fails: a migration would leave it behind.
func Kinds() []Kind {
	return []Kind{
		{string(Accounts), true, Single, Verbatim},
		{string(AccountNames), true, Single, Verbatim},
		{string(AccessKeys), true, Single, Verbatim},
		{"keys-of/", true, PerAccount, Verbatim},
		{"buckets-of/", true, PerAccount, Verbatim},
		{string(Buckets), true, Single, Verbatim},
		{string(BucketDocs), true, Single, Verbatim},
		{string(Dropped), true, Single, Verbatim},
		{string(Jobs), true, Single, Verbatim},
		{string(KeyUses), true, Single, Verbatim},
		{"sessions-of/", true, PerAccount, Verbatim},
		{string(Requests), true, Single, Verbatim},
		{"requests-of/", true, PerAccount, Verbatim},
		{string(Invitations), true, Single, Verbatim},
		{string(FailureCount), true, Single, Local},
		{string(TLS), true, Single, Verbatim},
		{string(TLSNames), true, Single, Verbatim},
		{string(TLSAuthority), true, Single, Verbatim},
		{string(TLSLocks), true, Single, Local},
		{string(Usages), true, Single, Recounted},
		{string(Site), true, Single, Local},
		{"b/", false, PerBucket, Laid},
		{"r/", false, PerDigit, Verbatim},
		{string(Orphans), false, Single, Local},
		{string(Damaged), false, Single, Local},
	}
}

// Partitions names the partitions of a kind, given the IDs there are.
func (k *Kind) Partitions(accounts, buckets []string) []meta.Partition {
	var parts []string
	switch k.Family {
	case Single:
		parts = []string{""}
	case PerAccount:
		parts = accounts
	case PerBucket:
		parts = buckets
	case PerDigit:
		for _, d := range "0123456789abcdef" {
			parts = append(parts, string(d))
		}
	}
	names := make([]meta.Partition, len(parts))
	for i, p := range parts {
		names[i] = meta.Partition(k.Prefix + p)
	}
	return names
}
