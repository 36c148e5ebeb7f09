import type { Reason } from '../../api/conditions.ts';
import type { CallOutcome, ErrorKind, Hint } from '../../cloud/api-error.ts';

/** The meaning of an error code. Fields that are absent have the values of the kind. */
interface CodeMeaning {
  readonly kind: ErrorKind;
  /** A reply with this code does not say whether the call, or an identical one before it, took effect. */
  readonly outcome?: 'unknown';
  readonly hint?: string;
  /** Reason of the condition; applies while the error has this kind. */
  readonly reason?: Reason;
}

const CHECK_ENDPOINT = 'Check spec.regionId, --region and the endpoint.';
const CHECK_REGION = 'Check spec.regionId or --region.';

/**
 * The vendor's codes (DOCS-ERR, the API metadata, and the codes that Terraform's provider and the cloud controller manager
 * retry) and this client's own.
 */
const CODES: Readonly<Record<string, CodeMeaning>> = {
  VServerGroupProcessing: { kind: 'busy' },
  ServiceIsConfiguring: { kind: 'busy' },
  ServiceIsStopping: { kind: 'busy' },
  OperationBusy: { kind: 'busy' },
  'OperationFailed.ServiceGroupProcessing': { kind: 'busy' },
  'OperationFailed.ListenerStatusNotSupport': { kind: 'busy' },
  'OperationFailed.TokenIsProcessing': { kind: 'busy', outcome: 'unknown' },
  'BackendServer.configuring': { kind: 'busy' },
  BackendServerProcessing: { kind: 'busy' },
  SystemBusy: { kind: 'busy' },
  VpcSystemBusy: { kind: 'busy' },
  ProcessingSameRequest: { kind: 'busy', outcome: 'unknown' },
  LastTokenProcessing: { kind: 'busy', outcome: 'unknown' },
  RspoolVipExist: { kind: 'busy' },
  RspoolRuleExist: { kind: 'busy' },

  Throttling: { kind: 'throttled' },
  'Throttling.User': { kind: 'throttled' },
  'Throttling.Api': { kind: 'throttled' },
  'Rejected.Throttling': { kind: 'throttled' },

  ServiceUnavailable: { kind: 'transient' },
  InternalError: { kind: 'transient', outcome: 'unknown' },
  InternalInvokeError: { kind: 'transient', outcome: 'unknown' },
  SignatureNonceUsed: { kind: 'transient', outcome: 'unknown' },
  LocationServiceTimeout: { kind: 'transient', outcome: 'unknown' },

  'InvalidAccessKeyId.NotFound': { kind: 'credentials' },
  'InvalidAccessKeyId.Inactive': { kind: 'credentials' },
  'Forbidden.AccessKeyDisabled': { kind: 'credentials' },
  'InvalidSecurityToken.Expired': { kind: 'credentials' },
  'InvalidSecurityToken.Malformed': { kind: 'credentials' },
  'InvalidSecurityToken.MismatchWithAccessKey': { kind: 'credentials' },
  MissingSecurityToken: { kind: 'credentials' },
  SignatureDoesNotMatch: {
    kind: 'credentials',
    hint: 'Check that the access key secret belongs to the access key id.',
  },
  IncompleteSignature: { kind: 'credentials' },

  ObtainIpFail: { kind: 'badBackend' },
  'InvalidServerId.NotFound': { kind: 'badBackend' },
  'InvalidServerId.NotExist': { kind: 'badBackend' },
  'ResourceNotFound.vServers': { kind: 'badBackend' },
  'InvalidBackendServers.ServerIpConflict': { kind: 'unfitBackend' },
  'InvalidBackendServers.Inconsistent': { kind: 'unfitBackend' },
  'InvalidBackendServers.NetworkConflict': { kind: 'unfitBackend' },
  'InvalidBackendServers.Mismatched.ZoneId': { kind: 'unfitBackend' },
  'InvalidBackendServers.MasterSlaveServerConflict': { kind: 'unfitBackend' },
  NetworkConflict: { kind: 'unfitBackend' },
  'Mismatched.ZoneId': { kind: 'unfitBackend' },
  MasterSlaveServerConflict: { kind: 'unfitBackend' },
  'OperationDeny.LbNotSupportIPv6Server': { kind: 'unfitBackend' },

  InstanceBackendServerNumberOverLimit: { kind: 'quota' },
  OverQuota: { kind: 'quota' },
  'ORDER.QUOTA_EXCEEDED': { kind: 'quota' },

  Forbidden: { kind: 'denied' },
  'Forbidden.RAM': { kind: 'denied' },
  'Forbidden.Unauthorized': { kind: 'denied' },
  NoPermission: { kind: 'denied' },

  'InvalidTimeStamp.Expired': {
    kind: 'configuration',
    reason: 'ApiUnavailable',
    hint: 'Set the clock of the node that the operator runs on.',
  },
  'OperationFailed.Endpoint': { kind: 'configuration', reason: 'UnknownRegion', hint: CHECK_ENDPOINT },
  UnauthorizedRegion: { kind: 'configuration', reason: 'UnknownRegion', hint: CHECK_ENDPOINT },
  RegionNotSupport: { kind: 'configuration', reason: 'UnknownRegion', hint: CHECK_ENDPOINT },
  'InvalidRegionId.NotFound': { kind: 'configuration', reason: 'UnknownRegion', hint: CHECK_REGION },
  LbStatusNotSupport: {
    kind: 'configuration',
    hint: 'The load balancer must be active: start or unlock it, or settle its bill.',
  },
  // The answer to any call on a group whose load balancer is gone: the group was deleted with it.
  'InvalidLoadBalancerId.NotFound': { kind: 'groupMissing' },
  ActionNotAllowed: { kind: 'configuration' },
  UnsupportedOperation: { kind: 'configuration' },
  AccountHasArrearage: { kind: 'configuration', hint: "Settle the account's bill." },

  MissingParameter: { kind: 'bug' },
  InvalidParameter: { kind: 'bug' },
  'InvalidAction.NotFound': { kind: 'bug' },
  InvalidVersion: { kind: 'bug' },
  'InvalidTimeStamp.Format': { kind: 'bug' },
  IllegalTimestamp: { kind: 'bug' },
  UnsupportedHTTPMethod: { kind: 'bug' },
  TooManyBackendServers: { kind: 'bug' },
  BackendServersMalformed: { kind: 'bug' },
  'InvalidWeight.Malformed': { kind: 'bug' },
  'BackendServer.InvalidType': { kind: 'bug' },
  TooManyListeners: { kind: 'bug' },

  // Codes of this client and of the network, not of the API.
  InvalidRegionId: { kind: 'configuration', reason: 'UnknownRegion', hint: CHECK_REGION },
  ENOTFOUND: {
    kind: 'transient',
    reason: 'UnknownRegion',
    hint: 'Check spec.regionId, --region, the endpoint and the DNS of the cluster.',
  },
  InsecureEndpoint: { kind: 'configuration', hint: 'Use https, or allow plain HTTP explicitly.' },
  Certificate: {
    kind: 'configuration',
    reason: 'ApiUnavailable',
    hint: 'The endpoint showed a certificate that is not trusted: check the endpoint, the proxy and NODE_EXTRA_CA_CERTS.',
  },
  AmbiguousAddress: {
    kind: 'configuration',
    reason: 'VpcUnknown',
    hint: 'Set --vpc-id to the VPC of the cluster.',
  },
};

const KINDS: Readonly<Record<ErrorKind, { readonly reason: Reason; readonly hint: Hint }>> = {
  busy: {
    reason: 'ApiUnavailable',
    hint: telling(
      'The load balancer is still applying an earlier change; the operator retries automatically.',
    ),
  },
  throttled: {
    reason: 'Throttled',
    hint: telling(
      "The account's API rate is used up; the operator slows down and retries automatically. If it lasts, raise the " +
        'rate in Quota Center or lower --api-qps.',
    ),
  },
  transient: {
    reason: 'ApiUnavailable',
    hint: telling('The API or the network to it failed; the operator retries automatically.'),
  },
  credentials: {
    reason: 'CredentialsInvalid',
    hint: plain('Check the access key or RAM role that the operator runs with.'),
  },
  groupMissing: {
    reason: 'GroupNotFound',
    hint: plain(
      'Check spec.vServerGroupId or spec.vServerGroup, and spec.regionId; delete the binding if the group, or its load ' +
        'balancer, was deleted on purpose.',
    ),
  },
  badBackend: {
    reason: 'BackendsRefused',
    hint: plain(
      'One of the backends is unknown to the load balancer; the operator continues with the others.',
    ),
  },
  unfitBackend: {
    reason: 'BackendsRefused',
    hint: plain(
      'One of the backends does not fit the load balancer (network, zone, address family, or another group of it); the ' +
        'operator continues with the others.',
    ),
  },
  quota: {
    reason: 'QuotaExceeded',
    hint: plain('Remove backends that are not needed, or ask for a higher quota.'),
  },
  denied: { reason: 'AccessDenied', hint: plain('') },
  configuration: {
    reason: 'LoadBalancerNotReady',
    hint: telling('Look up the code in the API reference; the operator retries later.'),
  },
  bug: {
    reason: 'InternalError',
    hint: plain('The request was malformed: please report it with the request id.'),
  },
};

/** The kinds of unlisted codes, by the form of their names; the first match counts. */
const KIND_BY_FORM: readonly (readonly [RegExp, ErrorKind])[] = [
  [/^Throttling|\.Throttling$/, 'throttled'],
  [/^InvalidSecurityToken|^InvalidAccessKey/, 'credentials'],
  [/Processing$|[Cc]onfiguring$|Busy$/, 'busy'],
  [/quota|OverLimit$/i, 'quota'],
  [/^Forbidden|^NoPermission/, 'denied'],
  [/^InvalidBackendServers\./, 'unfitBackend'],
  [/^Missing[A-Z]/, 'bug'],
];

/**
 * For a missing group the API does not answer *.NotFound but InvalidParameter with this message, so the message is matched,
 * as in Terraform's provider.
 */
const GROUP_MISSING = /VServerGroup(?:Id)?\b.*\b(?:does not exist|not found)/i;

/** An error reply of the API. */
export interface ErrorReply {
  readonly code: string;
  readonly text: string;
  readonly httpStatus: number;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

export function kindOf({ code, text, httpStatus, retryAfterMs }: ErrorReply): ErrorKind {
  if (GROUP_MISSING.test(text)) return 'groupMissing';
  // An invalid region comes from a user's resource; any other invalid parameter is our own fault.
  if (code === 'InvalidParameter' && /\bRegionId\b/i.test(text)) return 'configuration';
  const listed = meaningOf(code)?.kind ?? KIND_BY_FORM.find(([form]) => form.test(code))?.[1];
  if (listed !== undefined) return listed;
  if (httpStatus === 429 || retryAfterMs !== undefined) return 'throttled';
  if (httpStatus === 449) return 'busy';
  if (httpStatus === 401 || httpStatus === 403) return 'denied';
  return httpStatus >= 400 && httpStatus < 500 ? 'configuration' : 'transient';
}

export function callOutcomeOf({ code, httpStatus }: ErrorReply, kind: ErrorKind): CallOutcome {
  if (kind === 'throttled') return 'refused';
  return httpStatus >= 500 || meaningOf(code)?.outcome === 'unknown' ? 'unknown' : 'refused';
}

interface Occurrence {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly outcome: CallOutcome;
  readonly action: string;
  /** The role whose session made the call. */
  readonly roleArn?: string | undefined;
}

/** The advice that a user gets on an error, and the condition's reason. */
export function adviceOn({ code, kind, outcome, action, roleArn }: Occurrence): {
  readonly hint: Hint;
  readonly reason: Reason;
} {
  // An InvalidParameter of kind configuration is about the region (kindOf).
  const isRegion = code === 'InvalidParameter' && kind === 'configuration';
  const meaning = meaningOf(isRegion ? 'InvalidRegionId' : code);
  const byKind = KINDS[kind];
  const reason = (meaning?.kind === kind ? meaning.reason : undefined) ?? byKind.reason;
  if (kind === 'denied') return { hint: plain(grant(action, roleArn)), reason };
  // A refusal of STS has kind credentials, whatever its code means.
  const isOfRole = kind === 'credentials' && action === 'AssumeRole' && meaning?.kind !== kind;
  const ownHint = meaning?.hint ?? (isOfRole ? ALLOW_ASSUMING : undefined);
  const hint = ownHint === undefined ? byKind.hint : plain(ownHint);
  return { hint: outcome === 'unknown' ? { ...hint, text: `${hint.text} ${READ_FIRST}` } : hint, reason };
}

const READ_FIRST = 'The call may have taken effect: the current state is read before it is repeated.';

const ALLOW_ASSUMING =
  'Allow sts:AssumeRole on the role, and check its trust policy and external id (spec.assumeRole.externalId, or ' +
  '--assume-role-external-id).';

function grant(action: string, roleArn: string | undefined): string {
  const product = action === 'DescribeNetworkInterfaces' ? 'ecs' : 'slb';
  const identity =
    roleArn === undefined ? 'the identity that the operator runs with' : `the RAM role ${roleArn}`;
  return `Grant the RAM action ${product}:${action} to ${identity}.`;
}

function meaningOf(code: string): CodeMeaning | undefined {
  return Object.hasOwn(CODES, code) ? CODES[code] : undefined;
}

function telling(text: string): Hint {
  return { text, tellsRetry: true };
}

function plain(text: string): Hint {
  return { text, tellsRetry: false };
}
