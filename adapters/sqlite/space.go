package sqlite

import (
	"context"
	"database/sql/driver"
	"path/filepath"
)

// enoughSpace is how many bytes free on the file system are enough not to look
// for free pages as well.
const enoughSpace = 1 << 30

// Space tells the bytes that can still be stored and the size of the file
// system. Pages of the database file that are free count when the file system
// has little left. errors.ErrUnsupported on systems other than Linux.
func (s *Store) Space(ctx context.Context) (free, total int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, 0, err
	}
	defer s.leave()
	if free, total, err = space(filepath.Dir(s.path)); err != nil || free >= enoughSpace {
		return free, total, err
	}
	err = s.read(ctx, func(c *conn) error {
		var v [1]driver.Value
		if _, err := c.adHoc("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size", v[:]); err != nil {
			return failed("space", err)
		}
		pages, _ := v[0].(int64)
		free += pages
		return nil
	})
	return free, total, err
}
