package riaktest

import (
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"
)

// serve meets the fault there may be, and then does the request.
func (n *Node) serve(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if ask := n.cluster.fault.Load(); ask != nil {
		f = (*ask)(n.index, r)
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case f.Status != 0:
		plain(w, f.Status, "fault\n")
	case f.Cut == CutBefore:
		cut(w)
	case f.Cut == CutAfter:
		n.route(httptest.NewRecorder(), r)
		cut(w)
	default:
		n.route(w, r)
	}
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	if w, ok := w.(*wire); ok {
		w.cut = true
		return
	}
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func (n *Node) route(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "MochiWeb/3.2.2 WebMachine/0.0.0 (stand-in)")
	if tooLong(r) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !n.authorized(w, r) {
		return
	}
	if r.URL.EscapedPath() == "/ping" {
		plain(w, http.StatusOK, "OK")
		return
	}
	if !n.ready.Load() {
		plain(w, http.StatusInternalServerError, "Error:\n{error,{unavailable,riak_kv}}\n")
		return
	}
	path, err := segments(r.URL)
	if err != nil {
		plain(w, http.StatusBadRequest, "malformed path\n")
		return
	}
	switch {
	case len(path) == 1 && path[0] == "stats":
		n.stats(w)
	case len(path) >= 3 && path[0] == "types" && path[2] == "props":
		n.props(w, path[1])
	case len(path) >= 6 && path[0] == "types" && path[2] == "buckets" && path[4] == "keys":
		n.object(w, r, path)
	case len(path) >= 7 && path[0] == "types" && path[2] == "buckets" && path[4] == "index":
		n.index2i(w, r, path)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// tooLong tells whether a line of the request is longer than the server's buffer.
func tooLong(r *http.Request) bool {
	if len(r.Method)+len(r.RequestURI)+len("  HTTP/1.1\r\n") > maxLine {
		return true
	}
	for name, values := range r.Header {
		for _, v := range values {
			if len(name)+len(v)+len(": \r\n") > maxLine {
				return true
			}
		}
	}
	return false
}

// authorized asks for the password; over plain HTTP Riak sends clients of a
// secured cluster away.
func (n *Node) authorized(w http.ResponseWriter, r *http.Request) bool {
	conf := &n.cluster.conf
	if conf.User == "" {
		return true
	}
	if conf.TLS == nil {
		plain(w, http.StatusUpgradeRequired, "Security is enabled and Riak does not accept credentials over HTTP. Try HTTPS instead.")
		return false
	}
	user, password, _ := r.BasicAuth()
	if subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(conf.User+"\x00"+conf.Password)) != 1 {
		w.Header().Set("WWW-Authenticate", "Basic realm=Riak")
		plain(w, http.StatusUnauthorized, "")
		return false
	}
	return true
}

// segments splits a path before it decodes it, so that %2F is part of a name.
func segments(u *url.URL) ([]string, error) {
	parts := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i := range parts {
		s, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, err
		}
		if slices.Contains([]string{".", ".."}, parts[i]) {
			return nil, nil
		}
		parts[i] = s
	}
	return parts, nil
}

func (n *Node) stats(w http.ResponseWriter) {
	members := make([]string, 0, len(n.cluster.nodes))
	for _, o := range n.cluster.nodes {
		members = append(members, fmt.Sprintf("%q", o.name))
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"nodename":%q,"ring_members":[%s],"storage_backend":"riak_kv_leveled_backend"}`, n.name, strings.Join(members, ","))
}

func (n *Node) props(w http.ResponseWriter, kind string) {
	p, ok := n.cluster.conf.Types[kind]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"props":{"w":"quorum","sync_on_write":"backend","r":"quorum","pw":0,"pr":0,"notfound_ok":true,"node_confirms":0,`+
		`"n_val":%d,"last_write_wins":false,"dw":"quorum","dvv_enabled":%v,"allow_mult":%v,"active":true}}`, p.nval(), p.AllowMult, p.AllowMult)
}

func (p Props) nval() int {
	if p.NVal == 0 {
		return 3
	}
	return p.NVal
}
