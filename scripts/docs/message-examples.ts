import { ambiguous } from '../../src/alibaba/eni-resolver.ts';
import type { EventReason, Reason } from '../../src/api/conditions.ts';
import { HOLD_ANNOTATION, WEIGHT_ANNOTATION } from '../../src/api/names.ts';
import { messages } from '../../src/controller/binding/messages.ts';
import { verdictOnName } from '../../src/controller/binding/named-verdict.ts';
import type { BindingVerdict } from '../../src/controller/binding/verdict.ts';
import { backendKey, eniSlot, type Row } from '../../src/membership/backend.ts';
import { answered, decided, REF, REQUEST_ID, row, type Situation, verdict } from './situation.ts';

export interface ConditionExample {
  readonly todo: string;
  example(): Pick<BindingVerdict, 'ready' | 'reconciling' | 'stalled' | 'reason' | 'message'>;
}

export interface EventExample {
  readonly todo: string;
  readonly type: 'Normal' | 'Warning';
  example(): string;
}

const shows = (todo: string, situation: Situation): ConditionExample => ({
  todo,
  example: () => verdict(situation),
});

const REMOVE = 'RemoveVServerGroupBackendServers';
const ADD = 'AddVServerGroupBackendServers';
const DESCRIBE = 'DescribeVServerGroupAttribute';
const two = ['10.0.0.1', '10.0.0.2'];
const NOTHING = '';

/** A reason without an entry does not compile, and one whose example has another reason fails the generator. */
export const conditionExamples: Readonly<Record<Reason, ConditionExample>> = {
  Synced: shows(
    "Nothing to do. If requests fail all the same: `kubectl vsgb diff NAME`, then the load balancer's health check, which is not the operator's.",
    { pods: two, rows: two },
  ),
  Progressing: shows(
    "Nothing to do. Longer than a minute: the operator's log, `vsgb_oldest_leaver_seconds` and `vsgb_api_waiting_calls`.",
    {
      pods: two,
      rows: ['10.0.0.1', '10.0.0.9'],
    },
  ),
  Suspended: shows(
    'To resume: `kubectl patch vsgb NAME --type merge -p \'{"spec":{"suspend":false}}\'`. `kubectl get vsgb NAME -o yaml --show-managed-fields` shows who set `spec.suspend`.',
    {
      spec: { suspend: true },
    },
  ),
  DryRun: shows(
    'Run the operator without `--dry-run`; `kubectl -n vservergroup-operator describe deployment vservergroup-operator` shows its environment and ConfigMap. `kubectl vsgb diff NAME` gives the reason for each change.',
    {
      pods: two,
      rows: ['10.0.0.1', '10.0.0.9'],
      dryRun: true,
    },
  ),
  Deleting: shows(
    'Nothing to do; `kubectl vsgb status NAME` shows what is left. Longer than `spec.drain.seconds`: see the events. To keep the backends in the group, set `spec.deletionPolicy` to `Retain` before deleting.',
    {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      rows: two,
    },
  ),
  ServiceNotFound: shows(
    'Create the Service, or correct `spec.serviceRef.name` (`kubectl get service -n NAMESPACE`).',
    { service: null },
  ),
  PortNotFound: shows(
    'Correct `spec.serviceRef.port`, or `spec.ports` and their targetPort in `kubectl get service SERVICE -o yaml`.',
    {
      spec: { serviceRef: { name: 'web', port: 'https' } },
    },
  ),
  NodesNotFound: shows(
    'Correct `spec.nodeSelector`, or label the nodes that are to be backends (`kubectl get nodes --show-labels`).',
    { spec: { backendType: 'ecs', nodeSelector: { matchLabels: { pool: 'wbe' } } } },
  ),
  AddressFamilyNotFound: shows(
    'Correct `spec.addressFamily`, or `spec.ipFamilies` of the Service (ADDRESSTYPE in `kubectl get endpointslices -l kubernetes.io/service-name=SERVICE`).',
    { spec: { addressFamily: 'IPv6' }, pods: two },
  ),
  ServiceNotSupported: shows(
    'Use a Service that selects pods; for `backendType: ecs` one of type NodePort or LoadBalancer. See `spec.type` and `spec.ports[].nodePort` in `kubectl get service SERVICE -o yaml`.',
    {
      service: { type: 'ExternalName', externalName: 'shop.example' },
    },
  ),
  GroupNotFound: shows(
    'Compare `spec.vServerGroupId`, or `spec.vServerGroup`, and `spec.regionId` with the console. If the group was deleted on purpose, delete the binding: that works without the group.',
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidParameter', 'The specified VServerGroupId rsp-bp1x0abc does not exist.'),
      ],
    },
  ),
  GroupNameAmbiguous: {
    todo: 'Give all but one of the groups other names in the console, or create a binding with `spec.vServerGroupId` instead.',
    example: () => {
      const groups = ['rsp-bp1x0abc', 'rsp-bp1x0def'].map((id) => ({ id, name: 'web' }));
      const found = verdictOnName(
        'web',
        { regionId: REF.regionId, id: 'lb-bp1x0abc' },
        { is: 'listed', groups },
      );
      if (found === undefined) throw new Error('the example of GroupNameAmbiguous gives no verdict');
      return found.verdict;
    },
  },
  LoadBalancerNotReady: shows(
    'In the console, start or unlock it, or pay the bill. The operator then continues.',
    {
      rows: ['10.0.0.9'],
      failure: ['remove', answered(REMOVE, 'LbStatusNotSupport', 'The load balancer is locked.')],
    },
  ),
  GroupNotGranted: shows(
    '`kubectl get namespace NAMESPACE -o yaml` shows the grants. If the namespace may have the group, a cluster administrator adds its id, or that of its load balancer, to the annotation `slb.alibabacloud.com/grants` of the namespace. To take out what the binding has in the group, delete the binding. [security.md](security.md#grants)',
    { pods: two, rows: ['10.0.0.1'], grants: 'rsp-bp1y0def' },
  ),
  ExclusiveNotGranted: shows(
    'Set `spec.ownership` to `Shared`. If the namespace may remove the rows of others, a cluster administrator lists the id with `:Exclusive` in the annotation `slb.alibabacloud.com/grants`. [security.md](security.md#grants)',
    { spec: { ownership: 'Exclusive' }, pods: two, rows: two, grants: 'rsp-bp1x0abc' },
  ),
  AccessDenied: shows(
    'Grant the RAM action that the message names; `deploy/ram-policy.json` has all of them.',
    {
      pods: two,
      failure: [
        'add',
        answered(ADD, 'Forbidden.RAM', 'User not authorized to operate on the specified resource.', 403),
      ],
    },
  ),
  CredentialsInvalid: shows(
    "Check the access key, the mounted Secret, or RRSA's role and OIDC provider (the pod's environment has `ALIBABA_CLOUD_ROLE_ARN`), and `vsgb_credentials_expiry_timestamp_seconds`. New credentials are picked up automatically.",
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.', 404),
      ],
    },
  ),
  UnknownRegion: shows(
    'Correct `spec.regionId` (delete and recreate the binding) or `--region`; use `--slb-endpoint` where the endpoint has another name.',
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidRegionId.NotFound', 'The specified RegionId does not exist.', 404),
      ],
    },
  ),
  VpcUnknown: shows('Run the operator with `--vpc-id`: private addresses repeat across VPCs.', {
    pods: two,
    rows: ['10.0.0.1'],
    eni: {
      state: 'failed',
      error: ambiguous({ ip: '10.0.0.2', regionId: 'cn-hangzhou' }, ['eni-bp1a', 'eni-bp1b']),
    },
  }),
  EniNotFound: shows(
    '`backendType: eni` needs Terway: are the addresses in `kubectl get pods -o wide` of the VPC? Check `--vpc-id` and `--region`, or use `backendType: ecs` with a NodePort Service.',
    {
      pods: two,
      rows: ['10.0.0.1'],
      eni: { state: 'missing', since: 0 },
    },
  ),
  NodeWithoutInstance: shows(
    'Set `spec.providerID` of the node to `REGION.INSTANCE`, as the cloud controller manager does on ACK (`kubectl get node NODE -o yaml`).',
    {
      spec: { backendType: 'ecs' },
      node: { spec: {} },
    },
  ),
  BackendsRefused: shows(
    'Look up the code: `status.backends` has it for each backend in state `Refused`. The operator retries after up to one or two minutes, and at once when the binding changes.',
    {
      pods: two,
      rows: ['10.0.0.1'],
      refusal: answered(ADD, 'ObtainIpFail', 'obtain ip fail, the server eni-bp110002 is not running.'),
    },
  ),
  NodesNotReady: shows(
    'Check the nodes (`kubectl get nodes`, the message of their Ready condition) and their way to the API server. If nodes are really lost, delete them or their pods.',
    {
      pods: two,
      rows: two,
      podStatus: {
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'ContainersReady', status: 'True' },
        ],
      },
      node: { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } },
    },
  ),
  HeldByMinBackends: shows(
    'See why too few pods are ready (`kubectl get pods`; held backends have state `Held` in `status.backends`), or lower `spec.minBackends`.',
    {
      spec: { minBackends: 1 },
      rows: ['10.0.0.1'],
    },
  ),
  QuotaExceeded: shows(
    'Request a higher quota in the console, or remove backends that are not needed (`kubectl vsgb remove`; `FOREIGN` in `kubectl get vsgb -o wide`).',
    {
      pods: two,
      rows: ['10.0.0.1'],
      failure: [
        'add',
        answered(
          ADD,
          'InstanceBackendServerNumberOverLimit',
          'The number of backend servers exceeds the limit.',
        ),
      ],
    },
  ),
  Throttled: shows(
    'Nothing to do at first. If it lasts, see who else uses the account, raise the rate in Quota Center, or lower `--api-qps` to spare them; `vsgb_api_rate_limit` is the current rate.',
    {
      rows: ['10.0.0.9'],
      failure: [
        'remove',
        answered(REMOVE, 'Throttling.User', 'Request was denied due to user flow control.'),
      ],
    },
  ),
  ApiUnavailable: shows(
    'Check the way from the cluster to the endpoint (DNS, NetworkPolicy, proxy); `vsgb_api_requests_total` has the codes. Removals are retried first.',
    {
      rows: ['10.0.0.9'],
      failure: [
        'remove',
        answered(
          REMOVE,
          'ServiceUnavailable',
          'The request has failed due to a temporary failure of the server.',
          503,
        ),
      ],
    },
  ),
  InvalidSpec: shows(
    "Correct the spec. This version's CRD rejects such a spec: the installed one is older, apply it again (`kubectl get crd vservergroupbindings.slb.alibabacloud.com`).",
    { spec: { weight: 101 } },
  ),
  DeletionBlocked: shows(
    'Correct the field, which is possible during deletion: `kubectl patch vsgb NAME --type merge -p \'{"spec":{"deletionPolicy":"Remove"}}\'`. `Retain` leaves the backends in the group. If the API server accepts neither, remove the finalizer.',
    {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { deletionPolicy: 'Keep' },
      rows: two,
    },
  ),
  InternalError: shows('Please report it with the message and the log around it.', {
    pods: two,
    failure: [
      'add',
      answered(
        ADD,
        'MissingParameter',
        'The input parameter "BackendServers" that is mandatory for processing this request is not supplied.',
      ),
    ],
  }),
};

const HELD_15 = {
  terminationGracePeriodSeconds: 45,
  containers: [{ lifecycle: { preStop: { sleep: { seconds: 15 } } } }],
};
const changed = (of: Row) => ({ row: of, key: backendKey(of), claim: 'shop/web' });
const OUTSIDE = { type: 'eni', ip: '192.0.2.1', port: 8080, weight: 100 } as const;
const gone = two.map((ip) => changed(row(ip)));

function notice(reason: EventReason, situation: Situation): string {
  const found = decided(situation).decision.bound[0]?.notices.find((one) => one.reason === reason);
  if (found === undefined) throw new Error(`the example of ${reason} gives none`);
  return found.message;
}

export const eventExamples: Readonly<Record<EventReason, EventExample>> = {
  Added: { type: 'Normal', todo: NOTHING, example: () => messages.added(gone, REF, REQUEST_ID) },
  Removed: { type: 'Normal', todo: NOTHING, example: () => messages.removed(gone, REF, REQUEST_ID) },
  Draining: {
    type: 'Normal',
    todo: 'Nothing to do: they are removed after `spec.drain.seconds`, or when their pods are gone. Those of a drained node stay until `kubectl vsgb drain NODE --undo`; those of a departing node until they end, or the node stays after all.',
    example: () =>
      messages.draining(
        two.map((ip) => changed(row(ip, 0))),
        REF,
        REQUEST_ID,
      ),
  },
  Weighed: { type: 'Normal', todo: NOTHING, example: () => messages.weighed(gone, REF, REQUEST_ID) },
  Recovered: { type: 'Normal', todo: NOTHING, example: () => verdict({ pods: two, rows: two }).message },
  InvalidWeight: {
    type: 'Warning',
    todo: 'Correct the annotation in the pod template of the Deployment.',
    example: () => notice('InvalidWeight', { pods: two, podAnnotations: { [WEIGHT_ANNOTATION]: 'heavy' } }),
  },
  AddressOutside: {
    type: 'Warning',
    todo: 'Remove the address from the endpoints of the Service, or check `--vpc-id` and `--region`.',
    example: () => messages.addressOutside([{ ...OUTSIDE, slot: eniSlot(OUTSIDE.ip, OUTSIDE.port) }], REF),
  },
  GroupRenamed: {
    type: 'Warning',
    todo: 'Give the group its name again. If another group is meant, delete the binding and create one for that.',
    example: () => messages.groupRenamed('web', 'web-old', REF),
  },
  AmbiguousPort: {
    type: 'Warning',
    todo: 'Name the port in `spec.serviceRef.port`.',
    example: () =>
      notice('AmbiguousPort', {
        pods: two,
        service: {
          ports: [
            { name: 'http', port: 80, protocol: 'TCP' },
            { name: 'http3', port: 80, protocol: 'UDP' },
          ],
        },
      }),
  },
  HoldTooShort: {
    type: 'Warning',
    todo: 'Give the pods that hold in the template of their Deployment: `kubectl vsgb inject`, or by hand ([zero-downtime.md](zero-downtime.md#termination-hold)).',
    example: () =>
      notice('HoldTooShort', {
        pods: two,
        spec: { drain: { seconds: 30 } },
        podAnnotations: { [HOLD_ANNOTATION]: '15' },
        podSpec: HELD_15,
      }),
  },
  ReadinessGateTimedOut: {
    type: 'Warning',
    todo: 'See the message, and the condition Ready of the binding. The pod is added once the problem is solved.',
    example: () =>
      messages.gateTimedOut(
        answered(
          ADD,
          'InstanceBackendServerNumberOverLimit',
          'The number of backend servers exceeds the limit.',
        ).message,
      ),
  },
  GrantsUnreadable: {
    type: 'Warning',
    todo: 'A cluster administrator corrects the annotation of the namespace: `kubectl annotate namespace NAMESPACE --overwrite slb.alibabacloud.com/grants="rsp-… lb-…"`. `deploy/policies/grants.yaml` keeps such entries out.',
    example: () => notice('GrantsUnreadable', { pods: two, grants: 'rsp-bp1x0abc rsp_bp1y0def' }),
  },
  EndpointsTruncated: {
    type: 'Warning',
    todo: 'Run the operator with `--endpoints-source=auto` or `endpointslices`.',
    example: () => notice('EndpointsTruncated', { pods: two, endpointsCut: true }),
  },
};
