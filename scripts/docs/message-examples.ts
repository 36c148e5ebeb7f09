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
const NOTHING = 'Nothing to do.';

/** A reason without an entry does not compile, and one whose example has another reason fails the generator. */
export const conditionExamples: Readonly<Record<Reason, ConditionExample>> = {
  Synced: shows(NOTHING, { pods: two, rows: two }),
  Progressing: shows(
    "Nothing to do: it goes on by itself. If it stays so for long, look at the operator's log and at `vsgb_api_waiting_calls`.",
    {
      pods: two,
      rows: ['10.0.0.1', '10.0.0.9'],
    },
  ),
  Suspended: shows(
    'Set `spec.suspend` to false when the group may be touched again: `kubectl patch vsgb NAME --type merge -p \'{"spec":{"suspend":false}}\'`.',
    {
      spec: { suspend: true },
    },
  ),
  DryRun: shows(
    'Run the operator without `--dry-run`. `kubectl vsgb diff NAME` shows each change with its reason.',
    {
      pods: two,
      rows: ['10.0.0.1', '10.0.0.9'],
      dryRun: true,
    },
  ),
  Deleting: shows(
    'Nothing to do: the binding goes once its backends have left. To leave them in the group, set `spec.deletionPolicy` to `Retain` before deleting.',
    {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      rows: two,
    },
  ),
  ServiceNotFound: shows('Create the Service, or correct `spec.serviceRef.name`.', { service: null }),
  PortNotFound: shows('Correct `spec.serviceRef.port`, or the targetPort of the Service.', {
    spec: { serviceRef: { name: 'web', port: 'https' } },
  }),
  NodesNotFound: shows('Correct `spec.nodeSelector`, or label the nodes that are to be backends.', {
    spec: { backendType: 'ecs', nodeSelector: { matchLabels: { pool: 'wbe' } } },
  }),
  AddressFamilyNotFound: shows('Correct `spec.addressFamily`, or `spec.ipFamilies` of the Service.', {
    spec: { addressFamily: 'IPv6' },
    pods: two,
  }),
  ServiceNotSupported: shows(
    'Use a Service that selects pods; for `backendType: ecs` one of type NodePort or LoadBalancer.',
    {
      service: { type: 'ExternalName', externalName: 'shop.example' },
    },
  ),
  GroupNotFound: shows(
    'Compare `spec.vServerGroupId`, or `spec.vServerGroup`, and the region with the console. Delete the binding if the group was deleted on purpose: that works without the group.',
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
    'Start or unlock the load balancer, or settle the bill. The operator goes on by itself.',
    {
      rows: ['10.0.0.9'],
      failure: ['remove', answered(REMOVE, 'LbStatusNotSupport', 'The load balancer is locked.')],
    },
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
    'Check the access key, the mounted Secret, or the role and OIDC provider of RRSA. New credentials are noticed by themselves.',
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.', 404),
      ],
    },
  ),
  UnknownRegion: shows(
    'Correct `spec.regionId` (delete the binding and create another one) or `--region`; give `--slb-endpoint` for a region with an endpoint of another name.',
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
    'Pods need Terway for `backendType: eni`. Check `--vpc-id` and `--region`, or use `backendType: ecs` with a NodePort Service.',
    {
      pods: two,
      rows: ['10.0.0.1'],
      eni: { state: 'missing', since: 0 },
    },
  ),
  NodeWithoutInstance: shows(
    'Set `spec.providerID` of the node to `REGION.INSTANCE`; the cloud controller manager does it on ACK.',
    {
      spec: { backendType: 'ecs' },
      node: { spec: {} },
    },
  ),
  BackendsRefused: shows(
    'Look the code up. The backend is tried again by itself, ever more seldom up to once in one or two minutes; changing the binding has it tried at once.',
    {
      pods: two,
      rows: ['10.0.0.1'],
      refusal: answered(ADD, 'ObtainIpFail', 'obtain ip fail, the server eni-bp110002 is not running.'),
    },
  ),
  NodesNotReady: shows(
    'Check the nodes, and their way to the API server. Nodes that are really lost: delete them, or their pods.',
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
  HeldByMinBackends: shows('Bring others up, or lower `spec.minBackends`.', {
    spec: { minBackends: 1 },
    rows: ['10.0.0.1'],
  }),
  QuotaExceeded: shows(
    'Ask for a higher quota of backends, or remove what is not needed: `kubectl vsgb remove`. Removals are not held up.',
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
    'Nothing to do for a while. If it goes on, raise the rate in Quota Center, or lower `--api-qps` so that other users of the account are not throttled.',
    {
      rows: ['10.0.0.9'],
      failure: [
        'remove',
        answered(REMOVE, 'Throttling.User', 'Request was denied due to user flow control.'),
      ],
    },
  ),
  ApiUnavailable: shows(
    'Check the way from the cluster to the API (endpoint, proxy, DNS). It is tried again by itself; removals go first.',
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
    'Correct the spec. The CRD of this version keeps such a spec out: see that it is installed (`kubectl get crd vservergroupbindings.slb.alibabacloud.com`).',
    { spec: { weight: 101 } },
  ),
  DeletionBlocked: shows(
    'Correct the field, as one can while the binding is being deleted: `kubectl patch vsgb NAME --type merge -p \'{"spec":{"deletionPolicy":"Remove"}}\'`. `Retain` leaves the backends in the group. Where the API server takes neither, remove the finalizer.',
    {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { deletionPolicy: 'Keep' },
      rows: two,
    },
  ),
  InternalError: shows('Report it with the message and the log of the operator around it.', {
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
    todo: 'Nothing to do: they are removed after `spec.drain.seconds`, or when their pods are gone. Those of a drained node stay until `kubectl vsgb drain NODE --undo`, those of a node that is about to go until they are gone or it stays after all.',
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
    todo: 'Correct the annotation of the pod, in the template of its Deployment.',
    example: () => notice('InvalidWeight', { pods: two, podAnnotations: { [WEIGHT_ANNOTATION]: 'heavy' } }),
  },
  AddressOutside: {
    type: 'Warning',
    todo: 'Take the address out of the endpoints of the Service, or check `--vpc-id` and `--region`.',
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
    todo: 'Give the pods that hold, in the template of their Deployment: `kubectl vsgb inject`, or by hand ([zero-downtime.md](zero-downtime.md#termination-hold)).',
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
    todo: 'Look at what the message says, and at the condition Ready of the binding. The pod is added as soon as that is over.',
    example: () =>
      messages.gateTimedOut(
        answered(
          ADD,
          'InstanceBackendServerNumberOverLimit',
          'The number of backend servers exceeds the limit.',
        ).message,
      ),
  },
  EndpointsTruncated: {
    type: 'Warning',
    todo: 'Run the operator with `--endpoints-source=auto` or `endpointslices`.',
    example: () => notice('EndpointsTruncated', { pods: two, endpointsCut: true }),
  },
};
