// Holds dashboards against Grafana's own schema of them, panels and queries included: a misspelt option, which
// Grafana would pass over without a word, is found. Prints what is wrong; the files are its arguments.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	code := 0
	for _, file := range os.Args[1:] {
		if fault := faultOf(file); fault != "" {
			fmt.Printf("%s:\n%s\n", file, fault)
			code = 1
		}
	}
	os.Exit(code)
}

func faultOf(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	var board dashboard.Dashboard
	// Without faults it returns a list of none, which is no nil.
	if err := board.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := board.Validate(); err != nil {
		return err.Error()
	}
	return ""
}
