import { dirname, join } from 'node:path';
import type { ComponentName } from './build/build.ts';

/** The files and ports of one control plane. Ports are fixed for its life, so a restart changes no address. */
export interface Layout {
  readonly dir: string;
  readonly kubeconfig: string;
  /** The API server's self-signed certificate, which is therefore its own CA. */
  readonly caFile: string;
  readonly tokenFile: string;
  readonly serviceAccountKey: string;
  readonly stages: string;
  /** The address at which other hosts reach the API server; undefined if it listens on 127.0.0.1 only. */
  readonly advertiseAddress: string | undefined;
  readonly ports: Readonly<Record<ComponentName | 'etcd-peer', number>>;
  /** Appended to our own flags, so they take precedence. */
  readonly extraFlags: Readonly<Partial<Record<ComponentName, readonly string[]>>>;
}

export interface Component {
  readonly flags: readonly string[];
  /** Returns 2xx once the component works. */
  readonly readyUrl: string;
  /** Set if readyUrl is HTTPS. */
  readonly caFile?: string;
}

const LOOPBACK = '127.0.0.1';

// Controllers that make endpoints from pods, and those they depend on; none that would use a cloud or volumes.
const CONTROLLERS = [
  'endpoints-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'node-lifecycle-controller',
  'taint-eviction-controller',
  'replicaset-controller',
  'deployment-controller',
  'garbage-collector-controller',
  'pod-garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
];

/** The annotation of nodes simulated by kwok. */
export const PLAYED = { annotation: 'kwok.x-k8s.io/node', value: 'fake' };

// The default limits suit a control plane shared by many; here they would only slow big tests down.
const GENEROUS_CLIENT = ['--kube-api-qps=500', '--kube-api-burst=1000'];

/** On this machine. The API server's self-signed certificate is valid for only one of the two addresses. */
export function apiServerUrl({
  advertiseAddress,
  ports,
}: Pick<Layout, 'advertiseAddress' | 'ports'>): string {
  const host = advertiseAddress === undefined ? LOOPBACK : 'localhost';
  return `https://${host}:${ports['kube-apiserver']}`;
}

export function describeComponent(name: ComponentName, layout: Layout): Component {
  const described = DESCRIPTIONS[name](layout);
  return { ...described, flags: [...described.flags, ...(layout.extraFlags[name] ?? [])] };
}

const DESCRIPTIONS: Readonly<Record<ComponentName, (layout: Layout) => Component>> = {
  etcd: ({ dir, ports }) => {
    const client = `http://${LOOPBACK}:${ports.etcd}`;
    const peer = `http://${LOOPBACK}:${ports['etcd-peer']}`;
    return {
      flags: [
        '--name=etcd',
        `--data-dir=${join(dir, 'etcd')}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=etcd=${peer}`,
        '--log-level=warn',
        // The data need not survive the machine, only the process.
        '--unsafe-no-fsync',
      ],
      readyUrl: `${client}/health`,
    };
  },

  'kube-apiserver': (layout) => ({
    flags: [
      `--etcd-servers=http://${LOOPBACK}:${layout.ports.etcd}`,
      ...listening(layout),
      `--secure-port=${layout.ports['kube-apiserver']}`,
      `--cert-dir=${dirname(layout.caFile)}`,
      `--token-auth-file=${layout.tokenFile}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${layout.serviceAccountKey}`,
      `--service-account-signing-key-file=${layout.serviceAccountKey}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      // This plugin would reject pods until a controller has created the namespace's default account.
      '--disable-admission-plugins=ServiceAccount',
    ],
    readyUrl: `${apiServerUrl(layout)}/readyz`,
    caFile: layout.caFile,
  }),

  'kube-controller-manager': (layout) => ({
    ...securelyServing('kube-controller-manager', layout, [`--controllers=${CONTROLLERS.join(',')}`]),
  }),

  'kube-scheduler': (layout) => securelyServing('kube-scheduler', layout, []),

  kwok: ({ kubeconfig, stages, ports }) => ({
    flags: [
      `--kubeconfig=${kubeconfig}`,
      `--config=${stages}`,
      `--config=${join(import.meta.dirname, 'kwok.yaml')}`,
      // Other nodes may be real: their kubelets and kwok would fight over the same pods.
      '--manage-all-nodes=false',
      `--manage-nodes-with-annotation-selector=${PLAYED.annotation}=${PLAYED.value}`,
      '--cidr=10.9.0.1/16',
      // Without leases, a restarted kwok need not wait for those of its predecessor; heartbeats keep nodes Ready.
      '--node-lease-duration-seconds=0',
      `--server-address=${LOOPBACK}:${ports.kwok}`,
    ],
    readyUrl: `http://${LOOPBACK}:${ports.kwok}/healthz`,
  }),
};

function listening({ advertiseAddress }: Layout): string[] {
  if (advertiseAddress !== undefined)
    return [
      '--bind-address=0.0.0.0',
      `--advertise-address=${advertiseAddress}`,
      // Node names are not in any DNS.
      '--kubelet-preferred-address-types=InternalIP',
    ];
  return [
    `--bind-address=${LOOPBACK}`,
    `--advertise-address=${LOOPBACK}`,
    // No endpoint may be a loopback address, so the Service "kubernetes" has none.
    '--endpoint-reconciler-type=none',
  ];
}

function securelyServing(
  name: 'kube-controller-manager' | 'kube-scheduler',
  { dir, kubeconfig, ports }: Layout,
  flags: readonly string[],
): Component {
  return {
    flags: [
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      `--bind-address=${LOOPBACK}`,
      `--secure-port=${ports[name]}`,
      `--cert-dir=${join(dir, name)}`,
      ...GENEROUS_CLIENT,
      ...flags,
    ],
    readyUrl: `https://${LOOPBACK}:${ports[name]}/healthz`,
    caFile: join(dir, name, `${name}.crt`),
  };
}
