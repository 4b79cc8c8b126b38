package audit

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// filled is an event in which every field is set.
func filled(t testing.TB) *Event {
	e := &Event{}
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Interface().(type) {
		case string:
			f.SetString(v.Type().Field(i).Name + " é\n\t\"<&>\\\u2028\x00\x7f")
		case int, int64:
			f.SetInt(int64(-7 - i))
		case float64:
			f.SetFloat(1234.567 + float64(i))
		case bool:
			f.SetBool(true)
		case Stamp:
			f.Set(reflect.ValueOf(At(time.Date(2026, 1, 2, 3, 4, 5, 67e6, time.UTC))))
		case *Credential:
			f.Set(reflect.ValueOf(&Credential{LeafSubject: "CN=a", FQANs: []string{"/vo"}, Depth: 1, Limited: true}))
		default:
			t.Fatalf("field %s of an unknown type", v.Type().Field(i).Name)
		}
	}
	return e
}

// TestEncode: what is written by hand means what encoding/json would write.
func TestEncode(t *testing.T) {
	bad := filled(t)
	bad.Key = "a\xff\xfeb"
	for _, e := range []*Event{filled(t), {}, bad, {Kind: KindRequest, Time: At(day), DurationMS: 0.001}} {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var a, b map[string]any
		got := e.appendJSON(nil)
		if err := json.Unmarshal(got, &a); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func FuzzEncodeText(f *testing.F) {
	f.Add("a\xff\u2029\"")
	f.Fuzz(func(t *testing.T, s string) {
		got := appendText(nil, s)
		var back, want string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &want); err != nil || back != want {
			t.Fatalf("%q gives %q, want %q", s, back, want)
		}
	})
}
