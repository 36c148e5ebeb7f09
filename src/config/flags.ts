import { GRANTS_ANNOTATION, OPERATOR, READINESS_GATE, ZERO_DOWNTIME_LABEL } from '../api/names.ts';
import {
  address,
  boolean,
  choice,
  decimal,
  duration,
  endpoint,
  matching,
  path,
  selector,
  type ValueKind,
  wholeNumber,
} from './values.ts';

/** What defaults may depend on. */
export interface Context {
  /** Whether the program runs in a pod and without a kubeconfig. */
  readonly inCluster: boolean;
}

export interface Flag<T> {
  readonly section: Section;
  readonly kind: ValueKind<unknown>;
  readonly help: string;
  /** Text, parsed like user input. If absent, the value is undefined or the flag is required. */
  readonly fallback?: string | ((context: Context) => string);
  /** In --help: what the default depends on, or what an absent value means. */
  readonly fallbackHelp?: string;
  readonly required?: true;
  readonly repeatable?: true;
  /** Only carries the type; never set. */
  readonly type?: T;
}

export const SECTIONS = [
  'Kubernetes',
  'Alibaba Cloud',
  'Membership',
  'Pace',
  'Leader election',
  'Process',
] as const;

type Section = (typeof SECTIONS)[number];

const builder = (section: Section) => ({
  defaulted: <T>(
    kind: ValueKind<T>,
    fallback: Flag<T>['fallback'] & {},
    help: string,
    extra: Pick<Flag<T>, 'fallbackHelp'> = {},
  ) => ({ section, kind, fallback, help, ...extra }) as Flag<T>,
  optional: <T>(kind: ValueKind<T>, help: string, fallbackHelp?: string) =>
    ({ section, kind, help, ...(fallbackHelp !== undefined && { fallbackHelp }) }) as Flag<T | undefined>,
  required: <T>(kind: ValueKind<T>, help: string) => ({ section, kind, help, required: true }) as Flag<T>,
  repeatable: <T>(kind: ValueKind<T>, help: string, fallbackHelp: string) =>
    ({ section, kind, help, fallbackHelp, repeatable: true }) as Flag<readonly T[]>,
});

const kubernetes = builder('Kubernetes');
const cloud = builder('Alibaba Cloud');
const membership = builder('Membership');
const pace = builder('Pace');
const election = builder('Leader election');
const process = builder('Process');

const dnsLabel = (placeholder: string, what: string) =>
  matching(placeholder, `${what}: lower-case letters, digits and -`, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const namespace = dnsLabel('NAMESPACE', 'the name of a namespace');
const roleArn = matching(
  'ARN',
  'the ARN of a RAM role, as acs:ram::1234567890123456:role/slb',
  /^acs:ram::\d{1,32}:role\/[A-Za-z0-9._-]{1,64}$/,
);

/**
 * All flags. The key is the field of Config; in kebab case it is the name of the flag, and `VSGB_` plus the key in upper snake case is the
 * environment variable. Durations are parsed to milliseconds. Credentials are never flags, because every process on the machine can read a
 * command line.
 */
export const FLAGS = {
  kubeconfig: kubernetes.optional(
    path('FILE'),
    'Kubeconfig file.',
    "$KUBECONFIG, else the pod's service account, else ~/.kube/config",
  ),
  context: kubernetes.optional(
    matching('NAME', 'the name of a context', /^\S+$/),
    'Context of the kubeconfig.',
    'its current context',
  ),
  namespace: kubernetes.repeatable(
    namespace,
    'Only handle bindings in this namespace. Repeatable; comma-separated in the environment.',
    'all namespaces',
  ),
  bindingSelector: kubernetes.optional(selector, 'Only handle bindings with these labels.', 'all bindings'),
  endpointsSource: kubernetes.defaulted(
    choice('auto', 'endpointslices', 'endpoints'),
    'auto',
    "Where a Service's endpoints are read from. auto: EndpointSlices if the cluster serves them, else Endpoints.",
  ),

  region: cloud.required(
    matching('REGION', 'the id of a region, as cn-hangzhou', /^[a-z]{2,}(-[0-9a-z]+)+$/),
    'Region of the load balancers, unless a binding names its own.',
  ),
  vpcId: cloud.optional(
    matching('ID', 'the id of a VPC, as vpc-bp1x0abc', /^vpc-[0-9a-zA-Z-]{1,60}$/),
    'VPC of the cluster, in which pod addresses are looked up.',
    'any VPC: an address that several have is reported',
  ),
  clusterId: cloud.optional(
    matching(
      'ID',
      'at most 40 letters, digits, ., _ and -, a letter or digit first',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/,
    ),
    'Name of this cluster in the description of its backends: unique among clusters that share a group, and never changed.',
    'from the UID of the namespace kube-system',
  ),
  slbEndpoint: cloud.optional(endpoint, 'Address of the SLB API.', 'by --endpoint-network'),
  ecsEndpoint: cloud.optional(endpoint, 'Address of the ECS API.', 'by --endpoint-network'),
  stsEndpoint: cloud.optional(
    endpoint,
    'Address of the STS API, where RRSA, --assume-role-arn and --assumable-role get their credentials.',
    'by --endpoint-network',
  ),
  endpointNetwork: cloud.defaulted(
    choice('vpc', 'public'),
    'vpc',
    'Which endpoints of a region are called: inside its VPCs, or on the Internet.',
  ),
  allowInsecureEndpoints: cloud.defaulted(
    boolean,
    'false',
    'Accept http:// endpoints on other machines. Requests are signed but not encrypted.',
  ),
  credentialsDir: cloud.optional(
    path('DIR'),
    'Directory (a mounted Secret, reread when changed) with the files access-key-id, access-key-secret and optionally security-token. Takes precedence over RRSA and the environment.',
  ),
  assumeRoleArn: cloud.optional(
    roleArn,
    'RAM role, of any account, to assume with the given credentials, which need sts:AssumeRole. Its sessions, of an hour and renewed before they end, make all SLB and ECS calls.',
    'the given credentials make the calls',
  ),
  assumeRoleExternalId: cloud.optional(
    matching('ID', '2 to 1024 letters, digits and =,.@:/_-', /^[A-Za-z0-9=,.@:/_-]{2,1024}$/),
    'External id that the trust policy of --assume-role-arn asks for.',
  ),
  assumableRole: cloud.repeatable(
    roleArn,
    'RAM role that bindings may name in spec.assumeRole, for groups of another account. It is assumed with the given credentials, not with --assume-role-arn. Repeatable; comma-separated in the environment.',
    'none',
  ),

  defaultDrainSeconds: membership.defaulted(
    wholeNumber(0, 3600),
    '0',
    'How long a leaving backend stays with weight 0, for bindings without spec.drain.seconds.',
  ),
  excludeCordonedNodes: membership.defaulted(
    boolean,
    'false',
    'With backendType ecs: a cordoned node leaves.',
  ),
  maxUnreadyShare: membership.defaulted(
    decimal(0, 1),
    '0.55',
    "Share of a binding's backends that may leave only because their nodes are not Ready. The others stay, as lost heartbeats are assumed, and the last one always does.",
  ),
  notReadyTolerance: membership.defaulted(
    duration('0s', '10m'),
    '10s',
    'How long a node may be not Ready before its backends leave: a kubelet restarts within seconds, and lost nodes are detected one by one.',
  ),
  localWeights: membership.defaulted(
    boolean,
    'false',
    'With backendType ecs and externalTrafficPolicy Local: weight nodes by their number of ready pods.',
  ),
  readinessGates: membership.defaulted(
    boolean,
    'false',
    `Open a pod's readiness gate ${READINESS_GATE} once it is in every group that wants it, and add pods that wait only for that. Needs deploy/components/readiness-gates.`,
  ),
  requireGrants: membership.defaulted(
    boolean,
    'false',
    `Only change groups that the binding's namespace is granted, by the annotation ${GRANTS_ANNOTATION}. Needs deploy/components/grants.`,
  ),
  dryRun: membership.defaulted(
    boolean,
    'false',
    'Only show what would change in the groups, in log, status and metrics. Runs instead of an operator that writes, not beside it.',
  ),

  apiTimeout: pace.defaulted(duration('1s', '5m'), '20s', 'Timeout of one call to the cloud API.'),
  apiQps: pace.defaulted(
    decimal(0.1, 1000),
    '50',
    'Calls per second to the cloud API, over all groups of an account; may be a fraction.',
  ),
  apiBurst: pace.defaulted(wholeNumber(1, 10_000), '150', 'Calls that may exceed --api-qps for a moment.'),
  writeSpacing: pace.defaulted(
    duration('0', '10s'),
    '100ms',
    'Time between the starts of two writes to a group; changes in between are merged.',
  ),
  addWindow: pace.defaulted(
    duration('0', '10s'),
    '250ms',
    'How long additions may wait to share a call. Removals never wait.',
  ),
  maxBackendsPerCall: pace.defaulted(
    wholeNumber(1, 40),
    '20',
    'Backends in one call. The documented limit is 20.',
  ),
  resync: pace.defaulted(
    duration('1s', '24h'),
    '5m',
    'How often each group is read to find changes made by others, give or take a tenth.',
  ),

  leaderElect: election.defaulted(
    boolean,
    ({ inCluster }) => String(inCluster),
    'Only write to groups while holding the Lease, so that several replicas can run.',
    { fallbackHelp: 'true in a cluster, else false' },
  ),
  leaderElectNamespace: election.optional(namespace, 'Namespace of the Lease.', 'the namespace of the pod'),
  leaderElectLeaseName: election.defaulted(
    matching('NAME', 'the name of a Lease', /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/),
    OPERATOR,
    'Name of the Lease.',
  ),
  leaderElectLeaseDuration: election.defaulted(
    duration('1s', '10m'),
    '15s',
    "How long others wait after the leader's last renewal before they take over.",
  ),
  leaderElectRenewDeadline: election.defaulted(
    duration('500ms', '10m'),
    '10s',
    'How long the leader continues without renewing the Lease.',
  ),
  leaderElectRetryPeriod: election.defaulted(
    duration('100ms', '5m'),
    '2s',
    'Time between attempts to acquire or renew the Lease.',
  ),

  metricsAddress: process.defaulted(
    address,
    ({ inCluster }) => (inCluster ? ':8080' : '127.0.0.1:0'),
    'Where /metrics is served, or off. Port 0 takes a free port and logs it.',
    { fallbackHelp: ':8080 in a cluster, else 127.0.0.1:0' },
  ),
  metricsAuth: process.defaulted(
    choice('none', 'kubernetes'),
    'none',
    'Who gets the metrics. kubernetes: holders of a cluster token that may get the path /metrics; needs deploy/components/metrics-auth.',
  ),
  metricsTlsDir: process.optional(
    path('DIR'),
    'Serve the metrics over HTTPS with tls.crt and tls.key of this directory (a mounted Secret, reread when rotated).',
    'plain HTTP',
  ),
  webhookAddress: process.defaulted(
    address,
    'off',
    `Where the webhook is served, or off. It adds readiness gate and termination hold to new pods behind a binding, in namespaces with the label ${ZERO_DOWNTIME_LABEL}=enabled. Needs deploy/components/webhook.`,
  ),
  webhookName: process.defaulted(
    dnsLabel('NAME', 'the name of a Service'),
    `${OPERATOR}-webhook`,
    "Name of the webhook's Service and MutatingWebhookConfiguration, and of the Secret with its certificate.",
  ),
  webhookTlsDir: process.optional(
    path('DIR'),
    'Serve the webhook with tls.crt and tls.key of this directory (a mounted Secret, reread when rotated). Who issues them sets the caBundle.',
    'the operator makes and renews one',
  ),
  healthAddress: process.defaulted(
    address,
    ({ inCluster }) => (inCluster ? ':8081' : '127.0.0.1:0'),
    'Where /healthz and /readyz are served, or off.',
    { fallbackHelp: ':8081 in a cluster, else 127.0.0.1:0' },
  ),
  shutdownTimeout: process.defaulted(
    duration('0', '10m'),
    '10s',
    'How long calls in flight may take after SIGTERM; terminationGracePeriodSeconds must be 7 s longer, with the webhook 12 s.',
  ),
  logLevel: process.defaulted(choice('error', 'warn', 'info', 'debug'), 'info', 'What is logged.'),
  logFormat: process.defaulted(choice('json', 'text'), 'json', 'JSON lines, or text for people.'),
} as const satisfies Record<string, Flag<unknown>>;

export type FlagKey = keyof typeof FLAGS;

type ValueOf<F> = F extends Flag<infer T> ? T : never;
export type FlagValues = { readonly [K in FlagKey]: ValueOf<(typeof FLAGS)[K]> };

export const FLAG_KEYS = Object.keys(FLAGS) as FlagKey[];
export const flagName = (key: FlagKey) => `--${kebab(key)}`;
export const environmentName = (key: FlagKey) => `VSGB_${kebab(key).replaceAll('-', '_').toUpperCase()}`;

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
