// Registration is the pages on which people register and look after their
// accounts, and the API behind them, as a function.
package main

import (
	"net/http"

	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/functions/internal/function"
)

func main() {
	f := &function.Function{Name: "registration", Part: "web", People: true, Handler: handler}
	f.Main()
}

// handler answers no S3: a bucket's own host name has no API.
func handler(a *app.App) http.Handler {
	pages := a.Pages()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.Is(r) && a.Front.HostBucket(r.Host) == "" {
			a.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
