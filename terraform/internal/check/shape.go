package check

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

var stringType = cty.String

// Bounds of the number of a module's inputs: fewer cannot be fitted to a site,
// more are not read.
const minInputs, maxInputs = 10, 20

// secretResources put a secret into the state.
var secretResources = []string{
	"aws_secretsmanager_secret_version", "aws_ssm_parameter", "kubernetes_secret_v1",
	"openstack_keymanager_secret_v1", "random_password",
}

// Shape tells what is wrong with a module's form. Examples may have providers,
// any number of inputs, and inputs without rules, which the modules have.
func (m *Module) Shape(example bool) (problems []string) {
	bad := func(format string, args ...any) {
		problems = append(problems, m.Dir+": "+fmt.Sprintf(format, args...))
	}
	for _, name := range []string{"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"} {
		if _, err := os.Stat(filepath.Join(m.Dir, name)); err != nil {
			bad("there is no %s", name)
		}
	}
	if !m.Versions {
		bad("versions.tf does not bound the versions of Terraform and of every provider")
	}
	if len(m.Runs) == 0 {
		bad("there are no tests")
	}
	for _, v := range m.Variables {
		switch {
		case v.File != "variables.tf":
			bad("variable %s is not in variables.tf", v.Name)
		case v.Type == "" || v.Description == "":
			bad("variable %s has no type or no description", v.Name)
		case v.Rules == 0 && v.Type != "bool" && !example:
			bad("variable %s takes anything: it has no validation", v.Name)
		}
	}
	for _, o := range m.Outputs {
		if o.File != "outputs.tf" || o.Description == "" {
			bad("output %s is not in outputs.tf, or has no description", o.Name)
		}
	}
	for _, r := range m.Resources {
		if slices.Contains(secretResources, r.Type) {
			bad("resource %s.%s puts a secret into the state", r.Type, r.Name)
		}
		if r.UserData && !slices.Contains(r.Ignored, "user_data") {
			bad("resource %s.%s: other user data would replace all machines at once", r.Type, r.Name)
		}
	}
	if example {
		return problems
	}
	if n := len(m.Variables); n < minInputs || n > maxInputs {
		bad("there are %d inputs, want %d to %d", n, minInputs, maxInputs)
	}
	if len(m.Providers) > 0 {
		bad("a module must not configure providers: %s", strings.Join(m.Providers, ", "))
	}
	return append(problems, m.ruleProblems()...)
}

// rejects is the name of a run that shows a rule: the variable, and the rule's
// number among those of the variable.
var rejects = regexp.MustCompile(`^rejects_(\w+)_([1-9])$`)

// ruleProblems tells which rules no run shows to refuse something, and which
// runs show no rule.
func (m *Module) ruleProblems() (problems []string) {
	shown := map[string]bool{}
	for _, r := range m.Runs {
		match := rejects.FindStringSubmatch(r.Name)
		switch {
		case match == nil && len(r.Expects) > 0:
			problems = append(problems, fmt.Sprintf("%s: run %s expects a failure, and is not called rejects_VARIABLE_RULE", m.Dir, r.Name))
		case match != nil && !slices.Equal(r.Expects, []string{"var." + match[1]}):
			problems = append(problems, fmt.Sprintf("%s: run %s expects %v", m.Dir, r.Name, r.Expects))
		case match != nil:
			shown[r.Name] = true
		}
	}
	for _, v := range m.Variables {
		for i := range v.Rules {
			name := fmt.Sprintf("rejects_%s_%d", v.Name, i+1)
			if !shown[name] {
				problems = append(problems, fmt.Sprintf("%s: no run %s shows that rule %d of variable %s refuses anything", m.Dir, name, i+1, v.Name))
			}
			delete(shown, name)
		}
	}
	for name := range shown {
		problems = append(problems, fmt.Sprintf("%s: run %s is of no rule", m.Dir, name))
	}
	slices.Sort(problems)
	return problems
}
