//go:build !linux

package swift

import "net"

// receiveLowWater is not done elsewhere: other systems treat the mark otherwise.
func receiveLowWater(*net.TCPConn, int) bool { return false }
