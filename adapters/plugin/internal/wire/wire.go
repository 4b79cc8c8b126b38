// Package wire is what both ends of the plug-in protocol share: the handshake,
// the limits, and the translation between the ports' types and the messages.
package wire

import (
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Version is the version of the protocol that package sdk speaks. A host may
// know several; store.proto of this version has package mucura.store.v1.
const Version = 1

// Limits of the protocol, in bytes.
const (
	MaxChunk     = 1 << 20  // of content in one message
	MaxPart      = 1 << 20  // of a record's value, and of its body
	MaxMessage   = 64 << 20 // of a message that a plug-in receives: a batch
	MaxScanReply = 2 << 20  // after which a page is ended early
	MaxErrorText = 1 << 10  // of what an error says

	// window lets a stream be ahead of its reader by a few chunks. Without it
	// gRPC begins with 64 KiB and measures round trips to enlarge it.
	window = 4 * MaxChunk
)

// WalkReply is how many contents one message of a walk holds at most.
const WalkReply = 1000

// The cookie tells a plug-in that a host started it, not a person. It is no secret.
const (
	CookieKey   = "MUCURA_STORE_PLUGIN"
	CookieValue = "b2d1f0a8-52c5-4a0e-8f5d-5a1c5f2b9e11"
)

// Handshake is the same at both ends.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}
}

// DialOptions are those of a host's connection.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(4 * window),
		grpc.WithIdleTimeout(0),
	}
}

// ServerOptions are those of a plug-in's server.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(4 * window),
	}
}
