package gridproxy

// Name is a distinguished name read from its DER.
type Name struct{}

// String is the name as RFC 2253 text: the key of a person.
func (n Name) String() string { return "" }
