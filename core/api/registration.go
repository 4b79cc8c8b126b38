package api

// Form is what somebody who wants an account fills in.
type Form struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Email       string `json:"email,omitempty"`
	Reason      string `json:"reason,omitempty"`   // for the operators
	Password    string `json:"password,omitempty"` // with an invitation
}

// RegisterRequest asks for an account: POST register. Who asks is shown by a
// certificate or proxy (of the connection, or by a signed request), by a Token,
// or by an Invitation with a Password.
type RegisterRequest struct {
	Form
	Invitation string `json:"invitation,omitempty"`
	Token      string `json:"token,omitempty"`
}

// RegisterAnswer tells what became of it.
type RegisterAnswer struct {
	Account string `json:"account"`
	State   string `json:"state"`
	Home    string `json:"home,omitempty"`
	Request string `json:"request,omitempty"`
	// Approved by this rule; absent: it waits, or was decided by an operator.
	Rule string `json:"rule,omitempty"`
	// Known: there was such an account already.
	Known bool `json:"known,omitempty"`
}

// LoginRequest asks for session credentials for a password: POST login.
type LoginRequest struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	// Duration of the credentials, seconds; 0: an hour.
	Duration int64 `json:"duration,omitempty"`
}
