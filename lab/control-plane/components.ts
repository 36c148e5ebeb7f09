import { dirname, join } from 'node:path';
import type { ComponentName } from './build/build.ts';

/** Where everything of one control plane lies. Ports are fixed for its life, so that a restart changes no address. */
export interface Layout {
  readonly dir: string;
  readonly kubeconfig: string;
  /** Certificate that the API server signed for itself, which therefore is its own authority. */
  readonly caFile: string;
  readonly tokenFile: string;
  readonly serviceAccountKey: string;
  readonly stages: string;
  /** Where the API server is reached from other hosts; undefined: it listens on 127.0.0.1 alone. */
  readonly advertiseAddress: string | undefined;
  readonly ports: Readonly<Record<ComponentName | 'etcd-peer', number>>;
  /** Added after our own flags, so they win. */
  readonly extraFlags: Readonly<Partial<Record<ComponentName, readonly string[]>>>;
}

export interface Component {
  readonly flags: readonly string[];
  /** Answers 2xx once the component does its work. */
  readonly readyUrl: string;
  /** For readyUrl, when it is HTTPS. */
  readonly caFile?: string;
}

const LOOPBACK = '127.0.0.1';

// Controllers that make endpoints out of pods, and what these need; none that would talk to a cloud or to volumes.
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

/** Nodes that kwok plays carry this annotation. */
export const PLAYED = { annotation: 'kwok.x-k8s.io/node', value: 'fake' };

// The default budgets are made for a control plane shared by many; here they would only slow big tests down.
const GENEROUS_CLIENT = ['--kube-api-qps=500', '--kube-api-burst=1000'];

/** On this machine: the certificate that the API server makes for itself is for the one or the other. */
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
      // It would keep pods out until a controller has made the namespace's default account.
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
      // Others may be real: their kubelets and kwok would fight for the same pods.
      '--manage-all-nodes=false',
      `--manage-nodes-with-annotation-selector=${PLAYED.annotation}=${PLAYED.value}`,
      '--cidr=10.9.0.1/16',
      // Without leases a restarted kwok need not wait for those of its former self; heartbeats keep nodes Ready.
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
      // Names of nodes are not in any DNS.
      '--kubelet-preferred-address-types=InternalIP',
    ];
  return [
    `--bind-address=${LOOPBACK}`,
    `--advertise-address=${LOOPBACK}`,
    // No endpoint may point at a loopback address, so the Service "kubernetes" goes without.
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
