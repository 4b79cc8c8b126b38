// Sweep runs the scheduled jobs as a function, or those named as arguments.
package main

import "github.com/mucura/mucura/functions/internal/function"

func main() {
	f := &function.Function{Name: "sweep", Jobs: true, Contents: true}
	f.Main()
}
