package riaktest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hit is one answer of an index: a term and the key that has it.
type hit struct{ term, key string }

func (h hit) compare(o hit) int {
	if c := strings.Compare(h.term, o.term); c != 0 {
		return c
	}
	return strings.Compare(h.key, o.key)
}

// index2i answers /types/T/buckets/B/index/FIELD/FROM[/TO]. Without
// max_results the answer comes in no order, as from vnodes that answer when
// they like.
func (n *Node) index2i(w http.ResponseWriter, r *http.Request, path []string) {
	if _, ok := n.cluster.conf.Types[path[1]]; !ok {
		plain(w, http.StatusNotFound, "Unknown bucket type: "+path[1])
		return
	}
	from, to := path[6], path[6]
	if len(path) > 7 {
		to = path[7]
	}
	params := r.URL.Query()
	var pattern *regexp.Regexp
	if s := params.Get("term_regex"); s != "" {
		var err error
		if pattern, err = regexp.Compile(s); err != nil {
			plain(w, http.StatusBadRequest, "Invalid term regular expression")
			return
		}
	}
	hits := n.cluster.state.lookup(path[1], path[3], path[5], from, to)
	if pattern != nil {
		hits = slices.DeleteFunc(hits, func(h hit) bool { return !pattern.MatchString(h.term) })
	}
	var more string
	if s := params.Get("max_results"); s != "" {
		limit, err := strconv.Atoi(s)
		if err != nil || limit <= 0 {
			plain(w, http.StatusBadRequest, "Invalid max_results. max_results must be a positive integer")
			return
		}
		slices.SortFunc(hits, hit.compare)
		if s := params.Get("continuation"); s != "" {
			last, err := parseContinuation(s)
			if err != nil {
				plain(w, http.StatusBadRequest, "Invalid continuation")
				return
			}
			hits = slices.DeleteFunc(hits, func(h hit) bool { return h.compare(last) <= 0 })
		}
		if len(hits) > limit {
			hits = hits[:limit]
		}
		if len(hits) == limit {
			more = continuation(hits[limit-1])
		}
	}
	terms := params.Get("return_terms") == "true" && len(path) > 7
	n.showHits(w, hits, terms, more, params.Get("stream") == "true")
}

// lookup finds the objects of a bucket with terms from to to, both included.
// $key and $bucket go by keys, and show tombstones, too.
func (s *state) lookup(kind, bucket, field, from, to string) []hit {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var hits []hit
	for a, o := range s.objects {
		if a.kind != kind || a.bucket != bucket {
			continue
		}
		if field == "$bucket" || field == "$key" && a.key >= from && a.key <= to {
			hits = append(hits, hit{a.key, a.key})
			continue
		}
		values := o.values
		if s.conf.IndexLag > 0 && time.Since(o.changed) < s.conf.IndexLag {
			values = o.before
		}
		found := map[string]bool{} // siblings with one term give one hit
		for _, v := range values {
			for _, term := range v.index[field] {
				if term >= from && term <= to {
					found[term] = true
				}
			}
		}
		for term := range maps.Keys(found) {
			hits = append(hits, hit{term, a.key})
		}
	}
	return hits
}

func (n *Node) showHits(w http.ResponseWriter, hits []hit, terms bool, more string, stream bool) {
	var answer struct {
		Results      *[]map[string]string `json:"results,omitempty"`
		Keys         *[]string            `json:"keys,omitempty"`
		Continuation string               `json:"continuation,omitempty"`
	}
	keys, results := make([]string, len(hits)), make([]map[string]string, len(hits))
	for i, h := range hits {
		keys[i], results[i] = h.key, map[string]string{h.term: h.key}
	}
	if terms {
		answer.Results = &results
	} else {
		answer.Keys = &keys
	}
	answer.Continuation = more
	body, err := json.Marshal(answer)
	if err != nil {
		plain(w, http.StatusInternalServerError, err.Error())
		return
	}
	if stream {
		boundary := etag()
		w.Header().Set("Content-Type", "multipart/mixed;boundary="+boundary)
		fmt.Fprintf(w, "\r\n--%s\r\nContent-Type: application/json\r\n\r\n%s\r\n--%s--\r\n", boundary, body, boundary)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// A continuation is the last hit, {Term, Key} in Erlang's external term format.
func continuation(h hit) string {
	b := []byte{131, 'h', 2}
	for _, s := range []string{h.term, h.key} {
		b = append(b, 'm')
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func parseContinuation(s string) (hit, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) < 3 || b[0] != 131 || b[1] != 'h' || b[2] != 2 {
		return hit{}, fmt.Errorf("malformed continuation: %w", err)
	}
	var parts []string
	for b = b[3:]; len(b) >= 5 && b[0] == 'm'; {
		n := int(binary.BigEndian.Uint32(b[1:]))
		if n > len(b)-5 {
			break
		}
		parts = append(parts, string(b[5:5+n]))
		b = b[5+n:]
	}
	if len(parts) != 2 || len(b) != 0 {
		return hit{}, fmt.Errorf("malformed continuation of %d parts", len(parts))
	}
	return hit{parts[0], parts[1]}, nil
}
