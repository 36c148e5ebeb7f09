import { ambiguous } from '../../src/alibaba/eni-resolver.ts';
import type { EventReason, Reason } from '../../src/api/conditions.ts';
import { HOLD_ANNOTATION, WEIGHT_ANNOTATION } from '../../src/api/names.ts';
import { messages } from '../../src/controller/binding/messages.ts';
import { verdictOnName } from '../../src/controller/binding/named-verdict.ts';
import type { BindingVerdict } from '../../src/controller/binding/verdict.ts';
import { KubeApiError } from '../../src/kubernetes/client/api-error.ts';
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

const FORBIDDEN = new KubeApiError(
  { method: 'PATCH', path: '/apis/slb.alibabacloud.com/v1beta1/namespaces/shop/vservergroupbindings/web' },
  403,
  {
    reason: 'Forbidden',
    message:
      "vservergroupbindings.slb.alibabacloud.com \"web\" is forbidden: ValidatingAdmissionPolicy 'team-label' with binding 'team-label' denied request: the label team is required",
    causes: [],
  },
);

/** A reason without an entry does not compile; an example with a different reason makes the generator fail. */
export const conditionExamples: Readonly<Record<Reason, ConditionExample>> = {
  Synced: shows("If requests still fail: `kubectl vsgb diff NAME`, then the load balancer's health check.", {
    pods: two,
    rows: two,
  }),
  Progressing: shows(
    "For longer than a minute: the operator's log, `vsgb_oldest_leaver_seconds` and `vsgb_api_waiting_calls`.",
    {
      pods: two,
      rows: ['10.0.0.1', '10.0.0.9'],
    },
  ),
  Suspended: shows(
    '`kubectl patch vsgb NAME --type merge -p \'{"spec":{"suspend":false}}\'` resumes. `kubectl get vsgb NAME -o yaml --show-managed-fields` shows who set `spec.suspend`.',
    {
      spec: { suspend: true },
    },
  ),
  DryRun: shows(
    '`kubectl -n vservergroup-operator describe deployment vservergroup-operator` shows where `--dry-run` is set. `kubectl vsgb diff NAME` gives the reason for each change.',
    {
      pods: two,
      rows: ['10.0.0.1', '10.0.0.9'],
      dryRun: true,
    },
  ),
  Deleting: shows(
    '`kubectl vsgb status NAME` shows what is left; after more than `spec.drain.seconds`, see the events. To keep backends, first set `spec.deletionPolicy` to `Retain`.',
    {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      rows: two,
    },
  ),
  ServiceNotFound: shows('Compare `spec.serviceRef.name` with `kubectl get service -n NAMESPACE`.', {
    service: null,
  }),
  PortNotFound: shows(
    'Compare `spec.serviceRef.port` with `spec.ports` and their targetPort in `kubectl get service SERVICE -o yaml`.',
    {
      spec: { serviceRef: { name: 'web', port: 'https' } },
    },
  ),
  NodesNotFound: shows('Compare `spec.nodeSelector` with `kubectl get nodes --show-labels`.', {
    spec: { backendType: 'ecs', nodeSelector: { matchLabels: { pool: 'wbe' } } },
  }),
  AddressFamilyNotFound: shows(
    'Compare `spec.addressFamily` and `spec.ipFamilies` with ADDRESSTYPE in `kubectl get endpointslices -l kubernetes.io/service-name=SERVICE`.',
    { spec: { addressFamily: 'IPv6' }, pods: two },
  ),
  ServiceNotSupported: shows(
    '`backendType: ecs` needs type NodePort or LoadBalancer: `spec.type` and `spec.ports[].nodePort` in `kubectl get service SERVICE -o yaml`.',
    {
      service: { type: 'ExternalName', externalName: 'shop.example' },
    },
  ),
  GroupNotFound: shows(
    'Compare `spec.vServerGroupId` or `spec.vServerGroup`, and `spec.regionId`, with the console. Deleting the binding works without the group.',
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidParameter', 'The specified VServerGroupId rsp-bp1x0abc does not exist.'),
      ],
    },
  ),
  GroupNameAmbiguous: {
    todo: NOTHING,
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
  LoadBalancerNotReady: shows(NOTHING, {
    rows: ['10.0.0.9'],
    failure: ['remove', answered(REMOVE, 'LbStatusNotSupport', 'The load balancer is locked.')],
  }),
  GroupNotGranted: shows(
    '`kubectl get namespace NAMESPACE -o yaml` shows the grants, in `slb.alibabacloud.com/grants`. Deleting the binding removes what it has in the group. [security.md](security.md#grants)',
    { pods: two, rows: ['10.0.0.1'], grants: 'rsp-bp1y0def' },
  ),
  ExclusiveNotGranted: shows(
    'Grants with `:Exclusive`, and `spec.ownership` `Shared`: [security.md](security.md#grants).',
    { spec: { ownership: 'Exclusive' }, pods: two, rows: two, grants: 'rsp-bp1x0abc' },
  ),
  RoleNotAllowed: shows(
    '`--assumable-role` (`VSGB_ASSUMABLE_ROLE`) is read at the start. What the binding has in the group stays: [security.md](security.md#groups-of-other-accounts).',
    { spec: { assumeRole: { roleArn: 'acs:ram::1234567890123456:role/slb' } }, pods: two, rows: undefined },
  ),
  AccessDenied: shows('`deploy/ram-policy.json` has all actions. A role that is assumed needs them itself.', {
    pods: two,
    failure: [
      'add',
      answered(ADD, 'Forbidden.RAM', 'User not authorized to operate on the specified resource.', 403),
    ],
  }),
  CredentialsInvalid: shows(
    "Also the mounted Secret, RRSA's OIDC provider (`ALIBABA_CLOUD_ROLE_ARN` in the pod's environment), and `vsgb_credentials_expiry_timestamp_seconds`. A role that is assumed: `sts:AssumeRole` on it, its trust policy and external id. New credentials are used automatically.",
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.', 404),
      ],
    },
  ),
  UnknownRegion: shows(
    'To change `spec.regionId`, recreate the binding. `--slb-endpoint` overrides the endpoint of `--region`. `ENOTFOUND` for a group that was read before is Reconciling: check the DNS.',
    {
      failure: [
        'describe',
        answered(DESCRIBE, 'InvalidRegionId.NotFound', 'The specified RegionId does not exist.', 404),
      ],
    },
  ),
  VpcUnknown: shows(NOTHING, {
    pods: two,
    rows: ['10.0.0.1'],
    eni: {
      state: 'failed',
      error: ambiguous({ ip: '10.0.0.2', regionId: 'cn-hangzhou' }, ['eni-bp1a', 'eni-bp1b']),
    },
  }),
  EniNotFound: shows(
    'Are the addresses in `kubectl get pods -o wide` of the VPC (`--vpc-id`, `--region`)? `backendType: eni` needs Terway, `backendType: ecs` a NodePort Service.',
    {
      pods: two,
      rows: ['10.0.0.1'],
      eni: { state: 'missing', since: 0 },
    },
  ),
  NodeWithoutInstance: shows(
    'On ACK the cloud controller manager sets `spec.providerID` to `REGION.INSTANCE`: `kubectl get node NODE -o yaml`.',
    {
      spec: { backendType: 'ecs' },
      node: { spec: {} },
    },
  ),
  BackendsRefused: shows(
    '`status.backends` has the code of each backend in state `Refused`. Retried after up to two minutes, and at once when the binding changes.',
    {
      pods: two,
      rows: ['10.0.0.1'],
      refusal: answered(ADD, 'ObtainIpFail', 'obtain ip fail, the server eni-bp110002 is not running.'),
    },
  ),
  NodesNotReady: shows(
    '`kubectl get nodes`, and the message of their Ready condition. If nodes are really lost, delete them or their pods.',
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
    '`kubectl get pods` shows why too few are ready. Held backends have state `Held` in `status.backends`.',
    {
      spec: { minBackends: 1 },
      rows: ['10.0.0.1'],
    },
  ),
  QuotaExceeded: shows(
    '`FOREIGN` in `kubectl get vsgb -o wide` counts the backends of others; `kubectl vsgb remove` removes some. The console takes quota requests.',
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
    'If it lasts, see who else uses the account; a lower `--api-qps` spares them. `vsgb_api_rate_limit` is the current rate.',
    {
      rows: ['10.0.0.9'],
      failure: [
        'remove',
        answered(REMOVE, 'Throttling.User', 'Request was denied due to user flow control.'),
      ],
    },
  ),
  ApiUnavailable: shows(
    'Check DNS, NetworkPolicy and proxy; with `Certificate` and `InvalidTimeStamp.Expired`, which are Stalled, certificates and clock. `vsgb_api_requests_total` has the codes. Removals are retried first.',
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
    "This version's CRD rejects such a spec: the installed one (`kubectl get crd vservergroupbindings.slb.alibabacloud.com`) is older, apply it again.",
    { spec: { weight: 101 } },
  ),
  DeletionBlocked: shows(
    'The field can still be corrected: `kubectl patch vsgb NAME --type merge -p \'{"spec":{"deletionPolicy":"Remove"}}\'`, or `Retain`. If the API server accepts neither, remove the finalizer.',
    {
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { deletionPolicy: 'Keep' },
      rows: two,
    },
  ),
  FinalizerNotWritten: shows(
    'Without a policy in the message: `kubectl auth can-i patch vservergroupbindings.slb.alibabacloud.com --as=system:serviceaccount:vservergroup-operator:vservergroup-operator`. By hand: `kubectl edit vsgb NAME`, `metadata.finalizers`.',
    {
      metadata: { finalizers: [] },
      pods: two,
      unwritten: FORBIDDEN,
    },
  ),
  InternalError: shows(NOTHING, {
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
    todo: 'Removed after `spec.drain.seconds` or with their pods; kept on a drained node until `kubectl vsgb drain NODE --undo`, on a departing one until they end or it stays.',
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
    todo: NOTHING,
    example: () => notice('InvalidWeight', { pods: two, podAnnotations: { [WEIGHT_ANNOTATION]: 'heavy' } }),
  },
  AddressOutside: {
    type: 'Warning',
    todo: NOTHING,
    example: () => messages.addressOutside([{ ...OUTSIDE, slot: eniSlot(OUTSIDE.ip, OUTSIDE.port) }], REF),
  },
  GroupRenamed: {
    type: 'Warning',
    todo: NOTHING,
    example: () => messages.groupRenamed('web', 'web-old', REF),
  },
  AmbiguousPort: {
    type: 'Warning',
    todo: NOTHING,
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
    todo: '`kubectl vsgb inject`, or by hand: [zero-downtime.md](zero-downtime.md#termination-hold).',
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
    todo: 'See also the condition Ready of the binding. The pod is added once the problem is solved.',
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
    todo: '`kubectl annotate namespace NAMESPACE --overwrite slb.alibabacloud.com/grants="rsp-… lb-…"` corrects it. `deploy/policies/grants.yaml` keeps such entries out.',
    example: () => notice('GrantsUnreadable', { pods: two, grants: 'rsp-bp1x0abc rsp_bp1y0def' }),
  },
  EndpointsTruncated: {
    type: 'Warning',
    todo: '`--endpoints-source=auto`, the default, or `endpointslices`.',
    example: () => notice('EndpointsTruncated', { pods: two, endpointsCut: true }),
  },
};
