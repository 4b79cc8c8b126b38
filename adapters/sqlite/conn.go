package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// query is an index into queries, and into a conn's prepared statements.
type query int

const (
	beginWrite query = iota
	commit
	dataVersion
	findPartition
	addPartition
	findRecord
	insertRecord
	updateRecord
	deleteRecord
	insertBulk
	updateBulk
	deleteBulk
	getRecord
	getRecordBody
	scanAll
	scanBefore
	scanValues
	scanValuesBefore
	numQueries
)

// queries are the texts of the statements a connection keeps prepared. The
// scans without values give a whole page as one row, which costs half of
// stepping row by row and allocates little: the page is made of heads and keys
// one behind the other (see appendHead). || and group_concat keep all bytes,
// also NUL, because a cast between BLOB and TEXT changes none; for the same
// reason keys are bound as strings.
//
// ?+0 and CAST(?) keep SQLite from looking at a parameter's value when it plans
// (sqlite3ExprIsInteger): it would plan anew for every call, which takes as
// long as the read.
var queries = [numQueries]string{
	beginWrite:    "BEGIN IMMEDIATE",
	commit:        "COMMIT",
	dataVersion:   "PRAGMA data_version",
	findPartition: "SELECT id FROM partition WHERE name = ?",
	addPartition:  "INSERT INTO partition (name) VALUES (?)",
	findRecord:    "SELECT head, bulk FROM record WHERE partition = ?+0 AND key = CAST(? AS BLOB)",
	insertRecord:  "INSERT INTO record (head, value, bulk, partition, key) VALUES (?, ?, ?, ?, CAST(? AS BLOB))",
	updateRecord:  "UPDATE record SET head = ?, value = ?, bulk = ? WHERE partition = ?+0 AND key = CAST(? AS BLOB)",
	deleteRecord:  "DELETE FROM record WHERE partition = ?+0 AND key = CAST(? AS BLOB)",
	insertBulk:    "INSERT INTO bulk (value, body) VALUES (?, ?)",
	updateBulk:    "UPDATE bulk SET value = ?, body = ? WHERE id = ?+0",
	deleteBulk:    "DELETE FROM bulk WHERE id = ?+0",
	getRecord: "SELECT r.head, coalesce(r.value, b.value) FROM record r" +
		" LEFT JOIN bulk b ON b.id = r.bulk WHERE r.partition = ?+0 AND r.key = CAST(? AS BLOB)",
	getRecordBody: "SELECT r.head, coalesce(r.value, b.value), b.body FROM record r" +
		" LEFT JOIN bulk b ON b.id = r.bulk WHERE r.partition = ?+0 AND r.key = CAST(? AS BLOB)",
	scanAll: "SELECT CAST(group_concat(head || key, '') AS BLOB) FROM" +
		" (SELECT head, key FROM record WHERE partition = ?+0 AND key >= CAST(? AS BLOB) ORDER BY key LIMIT ?+0)",
	scanBefore: "SELECT CAST(group_concat(head || key, '') AS BLOB) FROM" +
		" (SELECT head, key FROM record WHERE partition = ?+0 AND key >= CAST(? AS BLOB) AND key < CAST(? AS BLOB) ORDER BY key LIMIT ?+0)",
	scanValues: "SELECT r.key, r.head, coalesce(r.value, b.value) FROM record r" +
		" LEFT JOIN bulk b ON b.id = r.bulk WHERE r.partition = ?+0 AND r.key >= CAST(? AS BLOB) ORDER BY r.key LIMIT ?+0",
	scanValuesBefore: "SELECT r.key, r.head, coalesce(r.value, b.value) FROM record r" +
		" LEFT JOIN bulk b ON b.id = r.bulk WHERE r.partition = ?+0 AND r.key >= CAST(? AS BLOB) AND r.key < CAST(? AS BLOB) ORDER BY r.key LIMIT ?+0",
}

// conn is a connection with its prepared statements. It is used by one
// goroutine at a time. It goes past database/sql, whose pool, locks and
// conversions cost as much as a read.
type conn struct {
	c     *sqlite3.SQLiteConn
	stmts [numQueries]*sqlite3.SQLiteStmt
	args  []driver.NamedValue // reused
}

// openConn opens path. cache is the most memory for pages, bytes.
func openConn(path string, readOnly bool, cache int, busy time.Duration) (*conn, error) {
	mode := "rw"
	if readOnly {
		mode = "ro"
	}
	params := url.Values{
		"mode":          {mode},
		"_mutex":        {"no"}, // a conn is never used by two goroutines at once
		"_synchronous":  {"FULL"},
		"_cache_size":   {fmt.Sprint(-cache >> 10)},
		"_busy_timeout": {fmt.Sprint(busy.Milliseconds())},
	}
	if readOnly {
		params.Set("_query_only", "1")
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: params.Encode()}
	c, err := (&sqlite3.SQLiteDriver{}).Open(u.String())
	if err != nil {
		return nil, err
	}
	return &conn{c: c.(*sqlite3.SQLiteConn)}, nil
}

func (c *conn) close() error {
	for i, st := range c.stmts {
		if st != nil {
			st.Close()
			c.stmts[i] = nil
		}
	}
	return c.c.Close()
}

func (c *conn) stmt(q query) (*sqlite3.SQLiteStmt, error) {
	if st := c.stmts[q]; st != nil {
		return st, nil
	}
	st, err := c.c.Prepare(queries[q])
	if err != nil {
		return nil, err
	}
	c.stmts[q] = st.(*sqlite3.SQLiteStmt)
	return c.stmts[q], nil
}

func (c *conn) bind(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs a statement without rows and returns the ID of the row it inserted.
func (c *conn) exec(q query, args ...driver.Value) (int64, error) {
	st, err := c.stmt(q)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), c.bind(args))
	clear(c.args)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// rows runs a statement and calls fn for each row, until fn returns false.
// dest is overwritten with every row; what it then refers to is fn's to keep.
func (c *conn) rows(q query, dest []driver.Value, fn func() bool, args ...driver.Value) (err error) {
	st, err := c.stmt(q)
	if err != nil {
		return err
	}
	// The statement runs without a context: it is short, and one that can end
	// costs a goroutine.
	rows, err := st.QueryContext(context.Background(), c.bind(args))
	clear(c.args)
	if err != nil {
		return err
	}
	return each(rows, dest, fn)
}

func each(rows driver.Rows, dest []driver.Value, fn func() bool) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		switch err := rows.Next(dest); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !fn():
			return nil
		}
	}
}

// row reads the first row into dest and tells whether there was one.
func (c *conn) row(q query, dest []driver.Value, args ...driver.Value) (found bool, err error) {
	err = c.rows(q, dest, func() bool { found = true; return false }, args...)
	return found, err
}

// adHoc reads the first row of a statement that is not kept prepared.
func (c *conn) adHoc(sql string, dest []driver.Value) (found bool, err error) {
	rows, err := c.c.QueryContext(context.Background(), sql, nil)
	if err != nil {
		return false, err
	}
	err = each(rows, dest, func() bool { found = true; return false })
	return found, err
}

// script runs statements that are not kept prepared.
func (c *conn) script(sql string) error {
	_, err := c.c.ExecContext(context.Background(), sql, nil)
	return err
}

// rollback ends a transaction if one is open.
func (c *conn) rollback() error {
	if c.c.AutoCommit() {
		return nil
	}
	return c.script("ROLLBACK")
}

func number(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

func bytesOf(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

func text(v driver.Value) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	s, _ := v.(string)
	return s
}
