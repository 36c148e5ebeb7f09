// Reads a dashboard by the types that Grafana publishes of it: a field that they don't have, lack, or have of another
// type is an error. Prints each, with exit code 1.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	raw, err := os.ReadFile(os.Args[1])
	stopAt(err)
	var read dashboard.Dashboard
	stopAt(read.UnmarshalJSONStrict(raw))
	stopAt(read.Validate())
}

func stopAt(err error) {
	// The types return an empty list of faults as an error that is not nil.
	if err == nil || err.Error() == "" {
		return
	}
	fmt.Println(err)
	os.Exit(1)
}
