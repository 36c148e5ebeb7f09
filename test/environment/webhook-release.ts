import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import type { Environment } from '../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../lab/environment/operator-process.ts';
import { CHART, type DeployTools, succeeded } from '../helm/tools.ts';
import { TcpBalancer } from './tcp-balancer.ts';
import { webhookPort } from './webhook-bed.ts';

/**
 * A release of the chart with its webhook enabled. A process with the release's rights and settings replaces its pods, and the
 * Service of the release leads to that process.
 */
export class WebhookRelease implements AsyncDisposable {
  readonly #env: Environment;
  readonly #tools: DeployTools;
  readonly #name: string;
  readonly #namespace: string;
  readonly #service: TcpBalancer;
  #operator: OperatorProcess | undefined;

  private constructor(
    env: Environment,
    tools: DeployTools,
    name: string,
    namespace: string,
    service: TcpBalancer,
  ) {
    this.#env = env;
    this.#tools = tools;
    this.#name = name;
    this.#namespace = namespace;
    this.#service = service;
  }

  /** Returns once the operator is ready. */
  static async install(
    env: Environment,
    tools: DeployTools,
    {
      name,
      namespace,
      values,
    }: { readonly name: string; readonly namespace: string; readonly values: object },
  ): Promise<WebhookRelease> {
    const file = await tools.valuesFile(values);
    const args = ['install', name, CHART, '--namespace', namespace, '--create-namespace', '--values', file];
    succeeded(await tools.helm(args, env.controlPlane.kubeconfig));
    const release = new WebhookRelease(env, tools, name, namespace, await TcpBalancer.start());
    try {
      await release.#lead();
      await release.start();
      return release;
    } catch (error) {
      await release[Symbol.asyncDispose]();
      throw error;
    }
  }

  get #fullName(): string {
    return `${this.#name}-vservergroup-operator`;
  }

  /** The host of the webhook's Service, as in its certificate. */
  get host(): string {
    return `${this.#fullName}-webhook.${this.#namespace}.svc`;
  }

  /** Path of the MutatingWebhookConfiguration. */
  get configuration(): string {
    return `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${this.#fullName}-webhook`;
  }

  /** Path of the Secret with its certificate. */
  get secret(): string {
    return `/api/v1/namespaces/${this.#namespace}/secrets/${this.#fullName}-webhook`;
  }

  /** A kubeconfig with the rights of the operator's ServiceAccount. */
  async kubeconfig(): Promise<string> {
    return await this.#env.controlPlane.kubeconfigForServiceAccount(this.#namespace, this.#fullName);
  }

  /** The number of webhook requests, one per pod. */
  async asked(): Promise<number> {
    const metrics = (await this.#operator?.metrics()) ?? '';
    const counts = [...metrics.matchAll(/^vsgb_webhook_requests_total\{.*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  async start(): Promise<void> {
    const path = `/api/v1/namespaces/${this.#namespace}/configmaps/${this.#fullName}-config`;
    const { data } = await this.#env.api.get<KubeObject & { data: Record<string, string> }>(path);
    this.#operator = await this.#env.startOperator({
      kubeconfig: await this.kubeconfig(),
      env: data,
      flags: [
        ...['--leader-elect', '--leader-elect-namespace', this.#namespace],
        ...['--webhook-address', '127.0.0.1:0'],
      ],
    });
    this.#service.endpoints = [await webhookPort(this.#operator)];
  }

  /** Then the Service has no endpoints and does not answer. */
  async stop(): Promise<void> {
    await this.#operator?.stop();
    this.#operator = undefined;
    this.#service.endpoints = [];
    this.#service.cut();
  }

  async uninstall(): Promise<void> {
    const args = ['uninstall', this.#name, '--namespace', this.#namespace];
    succeeded(await this.#tools.helm(args, this.#env.controlPlane.kubeconfig));
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#service[Symbol.asyncDispose]();
  }

  async #lead(): Promise<void> {
    const { api } = this.#env;
    const service = `/api/v1/namespaces/${this.#namespace}/services/${this.#fullName}-webhook`;
    await api.patch(service, { spec: { type: 'ExternalName', externalName: 'localhost' } });
    const port = { op: 'add', path: '/webhooks/0/clientConfig/service/port', value: this.#service.port };
    await api.patch(this.configuration, [port], 'json');
  }
}
