package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// applicationID marks the file as Mucura's (https://www.sqlite.org/fileformat.html#application_id).
const applicationID = 0x4d554355 // "MUCU"

// schemaVersion is kept in the file's user_version.
const schemaVersion = 1

// A record's row is small whatever the record holds, because SQLite compares
// whole rows of a WITHOUT ROWID table when it searches, also what lies on
// overflow pages. Bodies and long values are in bulk, value first, so reading
// the value alone does not read a body's overflow pages.
//
// head is what a listing needs: see appendHead.
const schema = `
CREATE TABLE partition (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE record (
	partition INTEGER NOT NULL,
	key       BLOB NOT NULL,
	head      BLOB NOT NULL,
	value     BLOB,
	bulk      INTEGER,
	PRIMARY KEY (partition, key)
) WITHOUT ROWID;
CREATE TABLE bulk (id INTEGER PRIMARY KEY, value BLOB, body BLOB);
`

// pageSize of the database file, bytes.
const pageSize = 4096

// prepareFile makes a new file ready, or sees that an existing one can be
// used. Another process may do the same at the same time.
func prepareFile(c *conn, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		err := tryPrepareFile(c)
		if !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		c.rollback()
		time.Sleep(5 * time.Millisecond)
	}
}

func tryPrepareFile(c *conn) error {
	version, err := checkVersion(c)
	if err != nil {
		return err
	}
	if version == 0 {
		if err := c.script(fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
			return err
		}
	}
	var mode [1]driver.Value
	if _, err := c.adHoc("PRAGMA journal_mode = WAL", mode[:]); err != nil {
		return err
	}
	if m := text(mode[0]); m != "wal" {
		return fmt.Errorf("journal mode is %q: write-ahead logging does not work on this file system", m)
	}
	if version != 0 {
		return nil
	}
	return createSchema(c)
}

func createSchema(c *conn) error {
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer c.rollback()
	if version, err := checkVersion(c); err != nil || version != 0 {
		return err
	}
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
	return c.script(schema + marks + "COMMIT")
}

// checkVersion returns the file's schema version, 0 when it is empty, and an
// error when this program cannot use it.
func checkVersion(c *conn) (int64, error) {
	const q = "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)"
	var row [3]driver.Value
	if _, err := c.adHoc(q, row[:]); err != nil {
		return 0, err
	}
	app, version, tables := number(row[0]), number(row[1]), number(row[2])
	switch {
	case app == 0 && version == 0 && tables == 0:
		return 0, nil
	case app != applicationID:
		return 0, errors.New("the file is another program's database, not Mucura's")
	case version > schemaVersion:
		return 0, fmt.Errorf("the file has schema %d, written by a newer Mucura; this one knows schemas up to %d", version, schemaVersion)
	}
	return version, nil
}
