package riaktest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// object does a request on /types/T/buckets/B/keys/K.
func (n *Node) object(w http.ResponseWriter, r *http.Request, path []string) {
	kind, ok := n.cluster.conf.Types[path[1]]
	if !ok {
		plain(w, http.StatusNotFound, "Unknown bucket type: "+path[1])
		return
	}
	if len(path) > 6 { // a key with a bare slash is a link walk
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			plain(w, http.StatusBadRequest, "Invalid link walk query submitted.")
			return
		}
		w.Header().Set("Allow", "GET, HEAD, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	a := address{path[1], path[3], path[5]}
	q, err := n.parseQuorum(r, kind)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if up := n.primariesUp(a, kind); up < q.pr {
			plain(w, http.StatusServiceUnavailable, fmt.Sprintf("PR-value unsatisfied: %d/%d\n", up, q.pr))
			return
		}
		n.get(w, r, a)
	case http.MethodPut, http.MethodPost:
		n.put(w, r, a, kind, q)
	case http.MethodDelete:
		n.delete(w, r, a)
	default:
		w.Header().Set("Allow", "DELETE, GET, HEAD, POST, PUT")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// get answers with the value, the siblings, or 404.
func (n *Node) get(w http.ResponseWriter, r *http.Request, a address) {
	clock, values := n.cluster.state.snapshot(a)
	n.show(w, r, a, clock, values)
}

func (n *Node) show(w http.ResponseWriter, r *http.Request, a address, clock vclock, values []value) {
	if len(values) > 0 {
		w.Header().Set("X-Riak-Vclock", clock.String())
	}
	w.Header().Set("Vary", "Accept, Accept-Encoding")
	if gone(values) {
		if len(values) > 0 {
			w.Header().Set("X-Riak-Deleted", "true")
		}
		plain(w, http.StatusNotFound, "not found\n")
		return
	}
	many, only := wantsParts(r.Header.Get("Accept"))
	if len(values) > 1 {
		showSiblings(w, a, values, many)
		return
	}
	if only {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	v := values[0]
	v.headers(w.Header(), a)
	w.Header().Set("ETag", `"`+v.etag+`"`)
	body, status := v.body, http.StatusOK
	if from, to, ok := parseRange(r.Header.Get("Range"), len(v.body)); ok && r.Method == http.MethodGet {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(v.body)))
		body, status = v.body[from:to], http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// headers sets what describes the value.
func (v *value) headers(h http.Header, a address) {
	h.Set("Content-Type", v.kind)
	h.Set("Link", fmt.Sprintf("</buckets/%s>; rel=\"up\"", a.bucket))
	h.Set("Last-Modified", v.modified.UTC().Format(http.TimeFormat))
	for name, values := range v.meta {
		h[name] = values
	}
	for name, terms := range v.index {
		h.Set("X-Riak-Index-"+name, strings.Join(terms, ", "))
	}
}

// parseRange understands what Riak does: one range of bytes. What cannot be
// satisfied is ignored, and the whole value sent.
func parseRange(s string, size int) (from, to int, ok bool) {
	spec, ok := strings.CutPrefix(s, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	if first == "" {
		n, err := strconv.Atoi(last)
		return max(size-n, 0), size, err == nil && n > 0 && size > 0
	}
	from, err := strconv.Atoi(first)
	if err != nil || from >= size {
		return 0, 0, false
	}
	to = size
	if last != "" {
		n, err := strconv.Atoi(last)
		if err != nil || n < from {
			return 0, 0, false
		}
		to = min(n+1, size)
	}
	return from, to, true
}

// put stores a value, if its conditions hold.
func (n *Node) put(w http.ResponseWriter, r *http.Request, a address, kind Props, q quorum) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxObject+1))
	if err != nil {
		return
	}
	seen, err := clockHeader(r)
	switch {
	case r.Header.Get("Content-Type") == "":
		plain(w, http.StatusBadRequest, "Missing Content-Type request header")
		return
	case err != nil:
		plain(w, http.StatusInternalServerError, "{error,{error,function_clause,[{base64,decode_list}]}}")
		return
	case len(body) > maxObject:
		plain(w, http.StatusInternalServerError, "Error:\n{too_large,"+strconv.Itoa(len(body))+"}\n")
		return
	}
	if up := n.primariesUp(a, kind); up < q.pw {
		plain(w, http.StatusServiceUnavailable, fmt.Sprintf("PW-value unsatisfied: %d/%d\n", up, q.pw))
		return
	}
	v := value{body: bytes.Clone(body), kind: r.Header.Get("Content-Type"), meta: http.Header{}, index: map[string][]string{}}
	for name, values := range r.Header {
		if field, ok := strings.CutPrefix(name, "X-Riak-Index-"); ok {
			for _, term := range strings.Split(strings.Join(values, ","), ",") {
				v.index[strings.ToLower(field)] = append(v.index[strings.ToLower(field)], strings.TrimSpace(term))
			}
		} else if strings.HasPrefix(name, "X-Riak-Meta-") {
			v.meta[name] = values
		}
	}
	if status := n.conditional(r, a, seen, v); status != 0 {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", v.kind)
	if up := n.cluster.up(); up < q.confirms { // and yet it was written
		plain(w, http.StatusServiceUnavailable, fmt.Sprintf("node_confirms-value unsatisfied: %d/%d\n", up, q.confirms))
		return
	}
	if r.URL.Query().Get("returnbody") == "true" {
		n.get(w, r, a)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func clockHeader(r *http.Request) (vclock, error) {
	s := r.Header.Get("X-Riak-Vclock")
	if s == "" {
		return nil, nil
	}
	return parseClock(s)
}

// delete writes a tombstone that has seen what the client says, or all there
// is. Conditions of a DELETE are ignored.
func (n *Node) delete(w http.ResponseWriter, r *http.Request, a address) {
	seen, err := clockHeader(r)
	if err != nil {
		plain(w, http.StatusInternalServerError, "{error,{error,function_clause,[{base64,decode_list}]}}")
		return
	}
	clock, values := n.cluster.state.snapshot(a)
	if gone(values) {
		plain(w, http.StatusNotFound, "not found\n")
		return
	}
	if seen == nil {
		seen = clock
	}
	n.cluster.state.delete(a, seen, values[0].conditional, n.name)
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusNoContent)
}
