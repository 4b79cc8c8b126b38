package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// request is one operation on a key of the history.
type request struct {
	op   string // put, create (If-None-Match: *), replace (If-Match), delete, get, copy
	key  string
	etag string // what the operation writes
	cond string // what replace requires
}

// outcome is what the client saw.
type outcome struct {
	etag    string // get: what it read, "" for absent
	refused bool   // a condition did not hold
	aborted bool   // told to try again: nothing was done
}

// objectModel is one object as a register with compare-and-set; its state is
// the ETag, "" when absent.
var objectModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(request).key
			byKey[key] = append(byKey[key], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(string), input.(request), output.(outcome)
		if out.aborted {
			return true, now
		}
		holds := true
		switch in.op {
		case "get":
			return out.etag == now, now
		case "create":
			holds = now == ""
		case "replace":
			holds = now == in.cond
		}
		next := now
		if holds {
			next = in.etag // "" for delete
		}
		return out.refused == !holds, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// TestLinearizable runs clients against two server processes on one data
// directory, with conditional and unconditional writes of a few keys, small
// and large, and checks that some order of the operations explains every answer.
func TestLinearizable(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	linearizable(t, []*harness.Server{startOn(t, data), startOn(t, data)})
}

func linearizable(t *testing.T, servers []*harness.Server) {
	t.Helper()
	ctx := context.Background()
	if _, err := servers[0].NewClient().Must(ctx, "PUT", bucket, "", "", nil, 200); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	begin := time.Now()
	clients, ops := 8, number(t, "MUCURA_TEST_OPS", 150)
	var wg sync.WaitGroup
	for id := range clients {
		wg.Go(func() {
			c := servers[id%len(servers)].NewClient()
			rnd := rand.New(rand.NewPCG(uint64(id), 42))
			seen, last := map[string]string{}, ""
			for n := range ops {
				in, send := choose(rnd, id, n, seen, last)
				call := time.Since(begin).Nanoseconds()
				out := send(ctx, t, c)
				ret := time.Since(begin).Nanoseconds()
				if in.op == "get" && !out.aborted {
					seen[in.key], last = out.etag, in.key
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: id, Input: in, Output: out, Call: call, Return: ret})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	result, info := porcupine.CheckOperationsVerbose(objectModel, history, 2*time.Minute)
	if result != porcupine.Ok {
		file := filepath.Join(t.ArtifactDir(), "history.html")
		_ = porcupine.VisualizePath(objectModel, info, file)
		t.Fatalf("no order explains the answers (%s); see %s", result, file)
	}
	counts := map[string]int{}
	for _, o := range history {
		name := o.Input.(request).op
		if o.Output.(outcome).refused {
			name += " refused"
		}
		counts[name]++
	}
	for _, want := range []string{"create", "create refused", "replace", "replace refused", "put", "delete", "get"} {
		if counts[want] == 0 {
			t.Errorf("no %q in the history: it tested less than it should", want)
		}
	}
	t.Logf("%v", counts)
}

// choose makes a client's next operation and how to send it. Half of them are on
// the key it has read last: else hardly any replacement met what had been read.
func choose(rnd *rand.Rand, id, n int, seen map[string]string, last string) (request, func(context.Context, *testing.T, *harness.Client) outcome) {
	key := fmt.Sprintf("key-%d", rnd.IntN(4))
	if rnd.IntN(2) == 0 && last != "" {
		key = last
	}
	size := 100
	if rnd.IntN(4) == 0 {
		size = 80 << 10 // larger than what is kept in the record
	}
	b := []byte(fmt.Sprintf("%d %d %s", id, n, strings.Repeat("x", size)))
	in := request{key: key, etag: etag(b)}
	write := func(header ...string) func(context.Context, *testing.T, *harness.Client) outcome {
		return func(ctx context.Context, t *testing.T, c *harness.Client) outcome {
			return answer(t, in)(c.Do(ctx, "PUT", bucket, key, "", b, header...))
		}
	}
	switch dice := rnd.IntN(10); {
	case dice < 2:
		in.op = "put"
		return in, write()
	case dice < 4:
		in.op = "create"
		return in, write("If-None-Match", "*")
	case dice < 6 && seen[key] != "":
		in.op, in.cond = "replace", seen[key]
		return in, write("If-Match", `"`+seen[key]+`"`)
	case dice < 7:
		in.op, in.etag = "delete", ""
		return in, func(ctx context.Context, t *testing.T, c *harness.Client) outcome {
			return answer(t, in)(c.Do(ctx, "DELETE", bucket, key, "", nil))
		}
	default:
		in.op, in.etag = "get", ""
		return in, func(ctx context.Context, t *testing.T, c *harness.Client) outcome {
			return answer(t, in)(c.Do(ctx, "GET", bucket, key, "", nil))
		}
	}
}

// answer turns a response into an outcome; what S3 would not say, and no
// answer at all, fails the test.
func answer(t *testing.T, in request) func(*harness.Answer, error) outcome {
	return func(a *harness.Answer, err error) outcome {
		switch {
		case err != nil:
			t.Errorf("%s %s: %v", in.op, in.key, err)
			return outcome{aborted: true}
		case a.Status == 412, a.Status == 404 && in.op == "replace":
			return outcome{refused: true}
		case a.Status == 404 && in.op == "get":
			return outcome{}
		case a.Status == 200 && in.op == "get":
			tag := strings.Trim(a.Header.Get("ETag"), `"`)
			if etag(a.Body) != tag {
				t.Errorf("get %s: body and ETag differ", in.key)
			}
			return outcome{etag: tag}
		case a.Status == 200, a.Status == 204:
			return outcome{}
		case a.Status == 409 && a.Code() == "OperationAborted":
			return outcome{aborted: true}
		}
		t.Errorf("%s %s: %d %s", in.op, in.key, a.Status, a.Body)
		return outcome{aborted: true}
	}
}
