// Gateway is the S3 endpoint, and the API of people and operators, as a function.
package main

import (
	"net/http"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/functions/internal/function"
)

func main() {
	f := &function.Function{
		Name: "gateway", Root: true, Jobs: true, People: true, Contents: true,
		Handler: func(a *app.App) http.Handler { return a },
	}
	f.Main()
}
