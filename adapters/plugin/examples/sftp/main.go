// Sftp is a content store for Mucura on any machine that takes files over SFTP:
// the NAS or the storage box of a small lab. It is a plug-in, and an example
// of one that is meant to be used.
//
//	mucurad --content 'plugin:///usr/lib/mucura/sftp?addr=nas.example.org&user=mucura&dir=contents&key-file=/etc/mucura/nas.key&known-hosts=/etc/mucura/known_hosts'
//
// Settings:
//
//	addr         host, or host:port
//	user         user to log in as
//	dir          directory of the contents; made when its parent is there
//	key-file     private key without a passphrase, readable by nobody else
//	password     instead of a key; belongs into the plug-in's config-file
//	known-hosts  file with the host's key, as ssh has it (ssh-keyscan makes one)
//	fsync        "required" (default), or "best-effort" for servers that cannot
//	timeout      for connecting, and after which a silent server is given up (15s)
//
// # Layout
//
// data/PREFIX/ID holds a content, where PREFIX is the first six digits of the ID:
// one directory for four and a half hours, so a walk lists them in order and holds
// one listing in memory. tmp/ID is one being written; a commit renames it.
//
// # Durability
//
// OpenSSH's server offers fsync@openssh.com, also for a directory that was
// opened like a file. A commit is an fsync of the file, a rename, and an fsync of
// its directory, so it survives a power cut of the machine. A server that does
// not offer this is refused, unless fsync=best-effort says that what was written in the
// last seconds may be lost then. A deletion is not made durable: what comes back is
// rubbish that the sweeper finds.
//
// # Connection
//
// One connection carries everything. When it is lost, or the server is silent,
// running uploads fail, running downloads go on where they were over the next one.
package main

import "github.com/mucura/mucura/adapters/plugin/sdk"

func main() {
	sdk.Serve(sdk.Plugin{Name: "sftp", Content: open})
}
