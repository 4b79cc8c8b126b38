package s3

import (
	"net/http"
	"strconv"

	"github.com/mucura/mucura/core/repo"
)

// listVersions lists versions and delete markers
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html).
func (c *call) listVersions() error {
	if v := c.query.get("max-keys"); len(v) > 0 && v[0] == '-' {
		return badArgument("maxKeys", v, "max-keys cannot be negative")
	}
	in, err := c.listInput("max-keys")
	if err != nil {
		return err
	}
	in.After = c.query.get("key-marker")
	version := c.query.get("version-id-marker")
	switch {
	case version == "":
	case in.After == "":
		return badArgument("version-id-marker", version, "A version-id marker cannot be specified without a key marker.")
	case !validVersion(version):
		return badArgument("version-id-marker", version, "Invalid version id specified")
	}
	l, err := c.f.Repo.ListVersions(c.ctx, c.b, in.ListInput, version)
	if err != nil {
		return err
	}
	b := c.begin("ListVersionsResult", &in, len(l.Entries)+len(l.Prefixes))
	b = in.text(b, "KeyMarker", in.After)
	b = appendElement(b, "VersionIdMarker", version)
	if l.Truncated {
		b = in.text(b, "NextKeyMarker", l.Next)
		if l.NextVersion != "" {
			b = appendElement(b, "NextVersionIdMarker", l.NextVersion)
		}
	}
	b = page(b, "MaxKeys", in.Max, l.Truncated)
	who := c.newOwners()
	for i := range l.Entries {
		b = in.version(b, &l.Entries[i], who)
	}
	b = in.prefixes(b, l.Prefixes)
	return c.document(http.StatusOK, append(b, "</ListVersionsResult>"...))
}

// version appends one line.
func (in *listing) version(b []byte, e *repo.ListEntry, who *owners) []byte {
	element := "Version"
	if e.DeleteMarker {
		element = "DeleteMarker"
	}
	b = append(append(append(b, '<'), element...), '>')
	b = in.text(b, "Key", e.Key)
	b = appendElement(b, "VersionId", e.VersionID())
	b = appendElement(b, "IsLatest", strconv.FormatBool(e.Latest))
	if e.DeleteMarker {
		b = appendElement(b, "LastModified", formatTime(e.ModTime))
	} else {
		b = entry(b, e)
	}
	b = who.append(b, "Owner", e.Owner)
	return append(append(append(b, '<', '/'), element...), '>')
}
