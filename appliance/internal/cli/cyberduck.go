package cli

import (
	"encoding/xml"
	"fmt"
	"net"
	"strings"
)

// cyberduckProfile is a connection profile of Cyberduck and Mountain Duck, to be
// opened with them (https://docs.cyberduck.io/protocols/profiles/).
func cyberduckProfile(host, region string, secure bool) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, map[bool]string{true: "443", false: "80"}[secure]
	}
	text := func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s))
		return b.String()
	}
	scheme := map[bool]string{true: "https", false: "http"}[secure]
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
  <dict>
`)
	for _, kv := range [][2]string{
		{"Protocol", "s3"}, {"Vendor", "mucura-" + name}, {"Scheme", scheme}, {"Description", "Mucura " + name},
		{"Default Hostname", name}, {"Default Port", port}, {"Region", region},
	} {
		fmt.Fprintf(&b, "    <key>%s</key>\n    <string>%s</string>\n", kv[0], text(kv[1]))
	}
	b.WriteString(`    <key>Hostname Configurable</key>
    <false/>
    <key>Properties</key>
    <dict>
      <key>s3.bucket.virtualhost.disable</key>
      <string>true</string>
    </dict>
  </dict>
</plist>
`)
	return b.String()
}
