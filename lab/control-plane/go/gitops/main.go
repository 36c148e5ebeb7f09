// Says what GitOps tools make of objects, by the libraries that they use: Argo CD's Lua interpreter with the libraries that
// it opens, Flux's evaluator of healthCheckExprs, and kstatus. Reads one JSON document, and prints one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type input struct {
	HealthLua        string                           `json:"healthLua"`
	HealthCheckExprs kustomize.HealthCheckExpressions `json:"healthCheckExprs"`
	Objects          []*unstructured.Unstructured     `json:"objects"`
}

type verdict struct {
	ArgoCD  health `json:"argocd"`
	Flux    string `json:"flux"`
	Kstatus string `json:"kstatus"`
}

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	verdicts, err := judge()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(verdicts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge() ([]verdict, error) {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return nil, err
	}
	flux, err := cel.NewStatusEvaluator(&in.HealthCheckExprs)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, 0, len(in.Objects))
	for _, object := range in.Objects {
		argocd, err := healthByLua(in.HealthLua, object.Object)
		if err != nil {
			return nil, err
		}
		byFlux, err := flux.Evaluate(context.Background(), object)
		if err != nil {
			return nil, err
		}
		byKstatus, err := status.Compute(object)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict{argocd, string(byFlux.Status), string(byKstatus.Status)})
	}
	return verdicts, nil
}

// As Argo CD runs it: the object is the global obj, and of the libraries only base, package and table are there.
func healthByLua(script string, object map[string]any) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the script returned %s and no table", state.Get(-1).Type())
	}
	return health{
		Status:  lua.LVAsString(answer.RawGetString("status")),
		Message: lua.LVAsString(answer.RawGetString("message")),
	}, nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch typed := value.(type) {
	case bool:
		return lua.LBool(typed)
	case string:
		return lua.LString(typed)
	case int64:
		return lua.LNumber(typed)
	case float64:
		return lua.LNumber(typed)
	case []any:
		table := state.NewTable()
		for _, item := range typed {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range typed {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
