// Command kubernetes-node is the kubelet and kube-proxy in one binary: the first argument names the component, the rest
// are its flags. One binary because they share nearly all of their code.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	if len(os.Args) < 2 {
		refuse("no component named")
	}
	component := os.Args[1]
	os.Args = os.Args[1:]

	switch component {
	case "kubelet":
		run(kubelet.NewKubeletCommand(context.Background()))
	case "kube-proxy":
		run(kubeproxy.NewProxyCommand())
	default:
		refuse(fmt.Sprintf("unknown component %q", component))
	}
}

func run(command *cobra.Command) {
	os.Exit(cli.Run(command))
}

func refuse(reason string) {
	fmt.Fprintf(os.Stderr, "kubernetes-node: %s; name one of kubelet, kube-proxy\n", reason)
	os.Exit(2)
}
