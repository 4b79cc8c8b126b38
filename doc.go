// Package mucura is an S3-compatible personal file repository for scientific
// communities. The parts are in the folders below; this package holds only the
// test of which of them may know which.
package mucura
