package sts

import "crypto/tls"

// Asking is a TLS configuration like base that asks clients for a certificate
// and takes any, or none: whether it is good is judged with each request. There
// is no resumption, so the client proves at each connection that it has the key.
func Asking(base *tls.Config) *tls.Config {
	c := base.Clone()
	c.ClientAuth = tls.RequestClientCert
	c.SessionTicketsDisabled = true
	c.GetConfigForClient = nil
	return c
}

// ByHost makes a listener's TLS configuration of base that asks only those
// clients for a certificate who connect to one of Hosts: browsers and file
// managers must not be asked on the S3 host.
func (s *Server) ByHost(base *tls.Config) *tls.Config {
	asking := Asking(base)
	c := base.Clone()
	next := base.GetConfigForClient
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if s.IsHost(hello.ServerName) {
			return asking, nil
		}
		if next != nil {
			return next(hello)
		}
		return nil, nil
	}
	return c
}
