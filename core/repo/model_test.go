package repo

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// modelVersion is a version as a simple model knows it.
type modelVersion struct {
	id     string
	marker bool
	body   string
	tag    string
}

// model is the whole of S3's versioning as lists of versions, newest first.
type model struct {
	state   catalog.Versioning
	keys    map[string][]modelVersion
	deleted map[string][]string // version IDs that are gone for good
}

func (m *model) add(key string, v modelVersion) {
	if m.state != catalog.VersioningEnabled {
		m.drop(key, catalog.NullVersion)
	}
	m.keys[key] = append([]modelVersion{v}, m.keys[key]...)
}

func (m *model) drop(key, id string) {
	var rest []modelVersion
	for _, v := range m.keys[key] {
		if v.id != id {
			rest = append(rest, v)
		} else if id != catalog.NullVersion {
			m.deleted[key] = append(m.deleted[key], id)
		}
	}
	m.keys[key] = rest
}

// current is the newest version when it is an object.
func (m *model) current(key string) *modelVersion {
	if vs := m.keys[key]; len(vs) > 0 && !vs[0].marker {
		return &vs[0]
	}
	return nil
}

func (m *model) usage() (bytes, objects int64) {
	for _, vs := range m.keys {
		for _, v := range vs {
			if !v.marker {
				bytes += int64(len(v.body))
				objects++
			}
		}
	}
	return bytes, objects
}

// machine runs random operations on a lab and the model.
type machine struct {
	*lab
	model
	n int // bodies made
}

var modelKeys = []string{"a", "a/b", "a\x00"}

func (m *machine) key(t *rapid.T) string { return rapid.SampledFrom(modelKeys).Draw(t, "key") }

func (m *machine) body(t *rapid.T) string {
	m.n++
	if rapid.Bool().Draw(t, "inline") {
		return small(fmt.Sprint("body ", m.n))
	}
	return big(fmt.Sprint("body ", m.n))
}

func (m *machine) putObject(t *rapid.T) {
	key, body := m.key(t), m.body(t)
	o := m.mustPut(t, key, body)
	m.add(key, modelVersion{id: o.VersionID(), body: body})
}

func (m *machine) putIfNone(t *rapid.T) {
	key, body := m.key(t), m.body(t)
	o, err := m.put(key, body, ifNone)
	if m.current(key) != nil {
		wantRow(t, s3err.PreconditionFailed, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.add(key, modelVersion{id: o.VersionID(), body: body})
}

func (m *machine) deleteObject(t *rapid.T) {
	key := m.key(t)
	res := m.mustRemove(t, key, "")
	if m.state == catalog.Unversioned {
		m.drop(key, catalog.NullVersion)
		return
	}
	m.add(key, modelVersion{id: res.VersionID, marker: true})
}

func (m *machine) deleteVersion(t *rapid.T) {
	key := m.key(t)
	ids := []string{catalog.NullVersion, catalog.VersionRef{Seq: 1}.ID()}
	marker := map[string]bool{}
	for _, v := range m.keys[key] {
		ids = append(ids, v.id)
		marker[v.id] = v.marker
	}
	id := rapid.SampledFrom(ids).Draw(t, "version")
	res := m.mustRemove(t, key, id)
	if res.VersionID != id || res.DeleteMarker != marker[id] {
		t.Fatalf("deleted %+v, want %s, marker %v", res, id, marker[id])
	}
	m.drop(key, id)
}

func (m *machine) copyObject(t *rapid.T) {
	from, to := m.key(t), m.key(t)
	var objects []modelVersion
	for _, v := range m.keys[from] {
		if !v.marker {
			objects = append(objects, v)
		}
	}
	if len(objects) == 0 {
		t.Skip("nothing to copy")
	}
	v := rapid.SampledFrom(objects).Draw(t, "source")
	o, err := m.copy(m.mustOpen(t, from, v.id), to)
	if err != nil {
		t.Fatal(err)
	}
	m.add(to, modelVersion{id: o.VersionID(), body: v.body})
}

func (m *machine) renameObject(t *rapid.T) {
	from, to := m.key(t), m.key(t)
	err := m.RenameObject(ctx, m.bucket, from, to, WriteCond{}, WriteCond{})
	v := m.current(from)
	switch {
	case m.state != catalog.Unversioned:
		wantRow(t, s3err.InvalidBucketState, err)
	case v == nil:
		wantRow(t, s3err.NoSuchKey, err)
	case err != nil:
		t.Fatal(err)
	case from != to:
		moved := *v
		m.drop(from, catalog.NullVersion)
		m.add(to, moved)
	}
}

func (m *machine) updateVersion(t *rapid.T) {
	key := m.key(t)
	if len(m.keys[key]) == 0 {
		t.Skip("nothing to update")
	}
	i := rapid.IntRange(0, len(m.keys[key])-1).Draw(t, "version")
	v := &m.keys[key][i]
	m.n++
	tag := fmt.Sprint(m.n)
	_, err := m.Update(ctx, m.bucket, key, v.id, func(o *catalog.Object) error {
		o.Tags = []catalog.Tag{{Key: "n", Value: tag}}
		return nil
	})
	if v.marker {
		wantRow(t, s3err.MethodNotAllowed, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	v.tag = tag
}

func (m *machine) setVersioning(t *rapid.T) {
	states := []catalog.Versioning{catalog.VersioningEnabled, catalog.VersioningSuspended}
	m.state = rapid.SampledFrom(states).Draw(t, "versioning")
	m.lab.versioning(t, m.state)
}

func (m *machine) passTime(t *rapid.T) {
	m.advance(time.Duration(rapid.IntRange(1, 100).Draw(t, "ms")) * time.Millisecond)
}

// check compares everything that can be seen with the model.
func (m *machine) check(t *rapid.T) {
	for _, key := range modelKeys {
		vs := m.keys[key]
		if v := m.current(key); v != nil {
			m.wantBody(t, key, "", v.body)
		} else {
			m.wantNone(t, key, "", s3err.NoSuchKey)
		}
		var lines []string
		for i, v := range vs {
			lines = append(lines, versionLine(v.id, i == 0, v.marker, int64(len(v.body))))
			if v.marker {
				m.wantNone(t, key, v.id, s3err.MethodNotAllowed)
				continue
			}
			m.wantBody(t, key, v.id, v.body)
			if tags := m.mustOpen(t, key, v.id).Tags; v.tag != "" && tags[0].Value != v.tag {
				t.Fatalf("tags %v, want %s", tags, v.tag)
			}
		}
		equalLines(t, lines, m.versionsOf(t, key))
		for _, id := range m.deleted[key] {
			m.wantNone(t, key, id, s3err.NoSuchVersion)
		}
	}
	m.audit(t, false)
	bytes, objects := m.usage()
	m.wantUsage(t, bytes, objects)
}

func TestAgainstModel(t *testing.T) {
	for _, caps := range stores {
		t.Run(caps.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := &machine{lab: newLab(t, caps).count(t), model: model{keys: map[string][]modelVersion{}, deleted: map[string][]string{}}}
				t.Repeat(map[string]func(*rapid.T){
					"put": m.putObject, "put if none": m.putIfNone, "delete": m.deleteObject,
					"delete version": m.deleteVersion, "delete this version": m.deleteVersion,
					"copy": m.copyObject, "rename": m.renameObject, "update": m.updateVersion,
					"versioning": m.setVersioning, "time": m.passTime,
					"": m.check,
				})
			})
		})
	}
}
