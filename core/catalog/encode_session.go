package catalog

// Field numbers of a session.
const (
	sesID = iota + 1
	sesAccount
	sesEpoch
	sesIssued
	sesExpires
	sesBy
	sesName
	sesIdentity
	sesIssuer
	sesLimited
	sesGroup
	sesKey
	sesPolicy
	sesParent
)

// EncodeSession makes what a session token seals. It is short, because
// clients send it with every request. Times are kept to the millisecond.
func EncodeSession(s *Session) []byte {
	e := newEncoder(256)
	e.string(sesID, s.ID)
	e.string(sesAccount, s.Account)
	e.uint(sesEpoch, uint64(s.Epoch))
	e.time(sesIssued, s.Issued)
	e.time(sesExpires, s.Expires)
	e.string(sesBy, s.By)
	e.string(sesName, s.Name)
	e.string(sesIdentity, s.Identity)
	e.string(sesIssuer, s.Issuer)
	e.bool(sesLimited, s.Limited)
	for _, g := range s.Groups {
		e.string(sesGroup, g)
	}
	e.string(sesKey, s.Key)
	for _, p := range s.Policies {
		e.string(sesPolicy, p)
	}
	for _, p := range s.Parents {
		e.string(sesParent, p)
	}
	return e.b
}

// DecodeSession is the inverse of EncodeSession.
func DecodeSession(b []byte) (*Session, error) {
	s := new(Session)
	d := newDecoder(string(b))
	for d.next() {
		switch d.field {
		case sesID:
			s.ID = d.data
		case sesAccount:
			s.Account = d.data
		case sesEpoch:
			s.Epoch = d.size()
		case sesIssued:
			s.Issued = d.time()
		case sesExpires:
			s.Expires = d.time()
		case sesBy:
			s.By = d.data
		case sesName:
			s.Name = d.data
		case sesIdentity:
			s.Identity = d.data
		case sesIssuer:
			s.Issuer = d.data
		case sesLimited:
			s.Limited = d.bool()
		case sesGroup:
			s.Groups = append(s.Groups, d.data)
		case sesKey:
			s.Key = d.data
		case sesPolicy:
			s.Policies = append(s.Policies, d.data)
		case sesParent:
			s.Parents = append(s.Parents, d.data)
		}
	}
	return s, d.err
}
