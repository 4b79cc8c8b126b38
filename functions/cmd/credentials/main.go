// Credentials is the authentication server as a function: whoever proves who
// she is gets temporary credentials.
package main

import (
	"net/http"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/functions/internal/function"
)

func main() {
	f := &function.Function{
		Name: "credentials", Part: "auth", People: true,
		Handler: func(a *app.App) http.Handler { return a.AuthHandler() },
	}
	f.Main()
}
