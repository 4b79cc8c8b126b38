package gridproxy_test

import (
	"testing"

	"github.com/mucura/mucura/core/gridproxy"
	g "github.com/mucura/mucura/core/gridproxy/gridtest"
)

// A CA's name constraints hold for the people below it, whichever form they
// have and whether or not they are critical.
func TestNameConstraints(t *testing.T) {
	w := g.NewWorld()
	const dn = "/DC=org/DC=example/OU=People/CN=Alice"
	name := func(slash string) []byte { return g.Seq(g.Tagged(4, g.DN(slash).DER())) }
	form := func(tag byte, value string) []byte { return g.Seq(g.TLV(tag, []byte(value))) }
	permit := func(trees ...[]byte) []byte { return g.Seq(g.Tagged(0, trees...)) }
	exclude := func(trees ...[]byte) []byte { return g.Seq(g.Tagged(1, trees...)) }
	mail := func(address string) *g.Entity {
		return &g.Entity{Name: g.DN(dn).Add(g.RDN{{Type: "emailAddress", Value: address}})}
	}
	alt := func(names ...[]byte) g.Option { return g.Also(g.Ext("2.5.29.17", false, g.Seq(names...))) }
	outside := g.Tagged(4, g.DN("/DC=net/CN=Alice").DER())
	for _, c := range []struct {
		name        string
		value       []byte
		notCritical bool
		subject     *g.Entity // nil: Alice
		options     []g.Option
		code        gridproxy.Code
	}{
		{name: "in the permitted subtree", value: permit(name("/DC=org/DC=example"))},
		{name: "in the second", value: permit(name("/DC=net"), name("/DC=org"))},
		{name: "the very name", value: permit(name(dn))},
		{name: "in other case and string type", value: permit(g.Seq(g.Tagged(4, g.Name{
			{{Type: "DC", Value: "ORG", Tag: 0x0c}}, {{Type: "DC", Value: " example ", Tag: 0x13}}}.DER())))},
		{name: "outside", value: permit(name("/DC=org/DC=other")), code: gridproxy.CodeUntrusted},
		{name: "outside, not critical", value: permit(name("/DC=org/DC=other")), notCritical: true, code: gridproxy.CodeUntrusted},
		{name: "a longer name than ours", value: permit(name(dn + "/CN=1")), code: gridproxy.CodeUntrusted},
		{name: "a prefix of letters, not of names", value: permit(name("/DC=org/DC=exam")), code: gridproxy.CodeUntrusted},
		{name: "excluded", value: exclude(name("/DC=org/DC=example/OU=People")), code: gridproxy.CodeUntrusted},
		{name: "another is excluded", value: exclude(name("/DC=org/DC=example/OU=Robots"))},
		{name: "permitted and excluded", code: gridproxy.CodeUntrusted,
			value: g.Seq(g.Tagged(0, name("/DC=org")), g.Tagged(1, name("/DC=org/DC=example")))},
		{name: "alternative name outside", value: permit(name("/DC=org")), options: []g.Option{alt(outside)}, code: gridproxy.CodeUntrusted},
		{name: "DNS names only", value: permit(form(0x82, "example.org"))},
		{name: "DNS names only, one outside", value: permit(form(0x82, "example.org")), code: gridproxy.CodeUntrusted,
			options: []g.Option{alt(g.TLV(0x82, []byte("host.example.net")))}},
		{name: "mailbox in the subject", value: permit(form(0x81, "example.org")), subject: mail("a@example.org")},
		{name: "mailbox in a domain", value: permit(form(0x81, ".example.org")), subject: mail("a@x.Example.org")},
		{name: "mailbox of another host", value: permit(form(0x81, "example.org")), subject: mail("a@example.net"), code: gridproxy.CodeUntrusted},
		{name: "mailbox excluded", value: exclude(form(0x81, "a@example.org")), subject: mail("a@example.org"), code: gridproxy.CodeUntrusted},
		{name: "another mailbox excluded", value: exclude(form(0x81, "b@example.org")), subject: mail("a@example.org")},
		{name: "a form that nobody understands", value: permit(g.Seq(g.TLV(0x88, []byte{0x2a}))), code: gridproxy.CodeUntrusted},
		{name: "with a maximum", value: permit(g.Seq(g.Tagged(4, g.DN("/DC=org").DER()), g.TLV(0x81, []byte{1}))), code: gridproxy.CodeUntrusted},
	} {
		t.Run(c.name, func(t *testing.T) {
			ca := g.NewCA("/DC=org/DC=example/CN=Sub CA", w.Root, g.Also(g.Ext("2.5.29.30", !c.notCritical, c.value)))
			subject := g.DN(dn)
			if c.subject != nil {
				subject = c.subject.Name
			}
			eec := g.NewEECNamed(subject, ca, c.options...)
			parsed, err := gridproxy.ParseName(subject.DER())
			if err != nil {
				t.Fatal(err)
			}
			want := row{chain: g.NewProxy(eec).Chain(), depth: 1, code: c.code, id: parsed.String()}
			want.check(t, load(t, open(w.Root), open(ca)))

			// The same CA when the client brings it and the directory has the rest.
			dir := g.Directory(open(w.Root), open(ca))
			for _, stem := range hashes(t, ca) {
				delete(dir, stem+".0")
			}
			trust, err := gridproxy.LoadFS(dir, nil, g.Now)
			if err != nil {
				t.Fatal(err)
			}
			want.chain = append(want.chain, ca.DER)
			want.check(t, trust)
		})
	}
	t.Run("of the root, for everybody below", func(t *testing.T) {
		root := g.NewCA("/DC=org/DC=example/CN=Bound", nil, g.Also(g.Ext("2.5.29.30", true, permit(name("/DC=org/DC=example")))))
		ca := g.NewCA("/DC=org/DC=example/CN=Below", root)
		trust := load(t, open(root), open(ca))
		row{chain: g.NewEEC(dn, ca).Chain(), kind: gridproxy.TypeEEC}.check(t, trust)
		row{chain: g.NewEEC("/DC=net/CN=Alice", ca).Chain(), code: gridproxy.CodeUntrusted}.check(t, trust)
		other := g.NewCA("/DC=net/CN=Below", root)
		row{chain: g.NewEEC(dn, other).Chain(), code: gridproxy.CodeUntrusted}.check(t, load(t, open(root), open(other)))
	})
}
