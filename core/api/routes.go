package api

import (
	"net/http"
	"strings"
)

// who tells who may make a call.
type who uint8

const (
	anyone   who = iota // any credentials of an active account
	manager             // credentials that may manage keys and settings
	operator            // an operator's, to look
	governor            // an operator's that may manage
)

// route is one call: method and path, in which * is any name.
type route struct {
	method, path string
	who          who
	handle       func(*call) (any, error)
}

func routes() []route {
	return []route{
		{"GET", "whoami", anyone, (*call).whoami},
		{"GET", "keys", anyone, (*call).listKeys},
		{"POST", "keys", manager, (*call).newKey},
		{"DELETE", "keys/*", manager, (*call).removeKey},
		{"POST", "keys/*/rotate", manager, (*call).rotateKey},
		{"GET", "sessions", anyone, (*call).listSessions},
		{"DELETE", "sessions", manager, (*call).endSessions},
		{"DELETE", "sessions/*", manager, (*call).endSession},
		{"PUT", "password", manager, (*call).setPassword},
		{"GET", "quota", anyone, (*call).getQuota},
		{"PUT", "quota", manager, (*call).setQuota},
		{"GET", "usage", anyone, (*call).usage},
		{"GET", "requests", anyone, (*call).myRequests},
		{"GET", "access-log", manager, (*call).accessLog},
		{"GET", "export", manager, (*call).export},
		{"DELETE", "account", manager, (*call).closeAccount},
		{"GET", "admin/accounts", operator, (*call).listAccounts},
		{"POST", "admin/accounts", governor, (*call).addAccount},
		{"GET", "admin/accounts/*", operator, (*call).oneAccount},
		{"PATCH", "admin/accounts/*", governor, (*call).changeAccount},
		{"DELETE", "admin/accounts/*", governor, (*call).deleteAccount},
		{"GET", "admin/accounts/*/keys", operator, (*call).keysOf},
		{"DELETE", "admin/accounts/*/keys/*", governor, (*call).removeKeyOf},
		{"GET", "admin/accounts/*/sessions", operator, (*call).sessionsOf},
		{"DELETE", "admin/accounts/*/sessions", governor, (*call).endSessionsOf},
		{"GET", "admin/accounts/*/access-log", governor, (*call).accessLogOf},
		{"GET", "admin/requests", operator, (*call).allRequests},
		{"POST", "admin/requests/*/approve", governor, (*call).approve},
		{"POST", "admin/requests/*/reject", governor, (*call).reject},
		{"GET", "admin/invitations", operator, (*call).invitations},
		{"POST", "admin/invitations", governor, (*call).invite},
		{"DELETE", "admin/invitations/*", governor, (*call).withdraw},
	}
}

// theRoutes is the closed list of calls; it never changes.
var theRoutes = routes()

// find gives the route of a request, and what stands for * in it.
func find(method, path string) (*route, []string, error) {
	parts := strings.Split(path, "/")
	known := false
	for i := range theRoutes {
		args, ok := match(theRoutes[i].path, parts)
		if !ok {
			continue
		}
		known = true
		if theRoutes[i].method == method {
			return &theRoutes[i], args, nil
		}
	}
	if known {
		return nil, nil, fault{http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not allowed here."}
	}
	return nil, nil, fault{http.StatusNotFound, CodeNotFound, "There is no such call."}
}

func match(pattern string, parts []string) (args []string, ok bool) {
	want := strings.Split(pattern, "/")
	if len(want) != len(parts) {
		return nil, false
	}
	for i, p := range want {
		switch {
		case p == "*" && parts[i] != "":
			args = append(args, parts[i])
		case p != parts[i]:
			return nil, false
		}
	}
	return args, true
}

// permit tells whether the credentials may make the call.
func (c *call) permit(w who) error {
	p := c.principal
	if w == anyone {
		return nil
	}
	// A URL may be passed on: it manages nothing.
	if c.signed.Presigned {
		return fault{http.StatusForbidden, CodeDenied, "This call must be signed in its Authorization header."}
	}
	if (w == operator || w == governor) && !p.IsOperator() {
		return fault{http.StatusForbidden, CodeDenied, "This call is for operators."}
	}
	switch {
	case p.Limited():
		return fault{http.StatusForbidden, CodeLimited, "Credentials of a limited proxy use storage and nothing else. Make a full proxy."}
	case p.Narrowed():
		return fault{http.StatusForbidden, CodeNarrowed, "Credentials with a scope or session policy manage neither keys nor settings."}
	}
	return nil
}
