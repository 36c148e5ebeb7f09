/**
 * What an error means to whoever called:
 * - busy: the group or load balancer is still taking in the change before; soon again
 * - throttled: over the account's rate; later again
 * - transient: the API or the way to it failed; again with back-off
 * - credentials: keys expired or refused; refreshed once already, then somebody has to look
 * - groupMissing: the vServer group does not exist (any more)
 * - badBackend: one of the backends named cannot be taken; the others can
 * - quota: no room for more backends
 * - denied: the account may not do this
 * - configuration: region, endpoint, load balancer state …: somebody has to change something
 * - bug: the request was malformed
 */
export type ErrorKind =
  | 'busy'
  | 'throttled'
  | 'transient'
  | 'credentials'
  | 'groupMissing'
  | 'badBackend'
  | 'quota'
  | 'denied'
  | 'configuration'
  | 'bug';

/** unknown: the call may have been carried out, so Describe before planning on. */
export type Outcome = 'refused' | 'unknown';

/**
 * Codes by kind, after the vendor's error lists (DOCS-ERR, the API metadata, and what Terraform's provider and the
 * cloud controller manager retry).
 */
const CODES: Readonly<Record<ErrorKind, readonly string[]>> = {
  busy: [
    'VServerGroupProcessing',
    'ServiceIsConfiguring',
    'ServiceIsStopping',
    'OperationBusy',
    'OperationFailed.ServiceGroupProcessing',
    'OperationFailed.ListenerStatusNotSupport',
    'OperationFailed.TokenIsProcessing',
    'BackendServer.configuring',
    'BackendServerProcessing',
    'SystemBusy',
    'VpcSystemBusy',
    'ProcessingSameRequest',
    'LastTokenProcessing',
    'RspoolVipExist',
    'RspoolRuleExist',
  ],
  throttled: ['Throttling', 'Throttling.User', 'Throttling.Api', 'Rejected.Throttling'],
  transient: [
    'ServiceUnavailable',
    'InternalError',
    'InternalInvokeError',
    'SignatureNonceUsed',
    'LocationServiceTimeout',
  ],
  credentials: [
    'InvalidAccessKeyId.NotFound',
    'InvalidAccessKeyId.Inactive',
    'Forbidden.AccessKeyDisabled',
    'InvalidSecurityToken.Expired',
    'InvalidSecurityToken.Malformed',
    'InvalidSecurityToken.MismatchWithAccessKey',
    'MissingSecurityToken',
    'SignatureDoesNotMatch',
    'IncompleteSignature',
  ],
  groupMissing: [],
  badBackend: [
    'ObtainIpFail',
    'InvalidServerId.NotFound',
    'InvalidServerId.NotExist',
    'ResourceNotFound.vServers',
    'InvalidBackendServers.ServerIpConflict',
    'InvalidBackendServers.Inconsistent',
    'InvalidBackendServers.NetworkConflict',
    'InvalidBackendServers.Mismatched.ZoneId',
    'InvalidBackendServers.MasterSlaveServerConflict',
    'NetworkConflict',
    'Mismatched.ZoneId',
    'MasterSlaveServerConflict',
    'OperationDeny.LbNotSupportIPv6Server',
  ],
  quota: ['InstanceBackendServerNumberOverLimit', 'OverQuota', 'ORDER.QUOTA_EXCEEDED'],
  denied: ['Forbidden', 'Forbidden.RAM', 'Forbidden.Unauthorized', 'NoPermission'],
  configuration: [
    'InvalidTimeStamp.Expired',
    'OperationFailed.Endpoint',
    'UnauthorizedRegion',
    'RegionNotSupport',
    'InvalidRegionId.NotFound',
    'LbStatusNotSupport',
    'InvalidLoadBalancerId.NotFound',
    'ActionNotAllowed',
    'UnsupportedOperation',
    'AccountHasArrearage',
  ],
  bug: [
    'MissingParameter',
    'InvalidParameter',
    'InvalidAction.NotFound',
    'InvalidVersion',
    'InvalidTimeStamp.Format',
    'IllegalTimestamp',
    'UnsupportedHTTPMethod',
    'TooManyBackendServers',
    'BackendServersMalformed',
    'InvalidWeight.Malformed',
    'BackendServer.InvalidType',
    'TooManyListeners',
  ],
};

const KIND_BY_CODE: ReadonlyMap<string, ErrorKind> = new Map(
  Object.entries(CODES).flatMap(([kind, codes]) => codes.map((code) => [code, kind as ErrorKind])),
);

/** For codes nobody listed: what their names say, most telling first. */
const KIND_BY_FORM: readonly (readonly [RegExp, ErrorKind])[] = [
  [/^Throttling|\.Throttling$/, 'throttled'],
  [/^InvalidSecurityToken|^InvalidAccessKey/, 'credentials'],
  [/Processing$|[Cc]onfiguring$|Busy$/, 'busy'],
  [/quota|OverLimit$/i, 'quota'],
  [/^Forbidden|^NoPermission/, 'denied'],
  [/^InvalidBackendServers\./, 'badBackend'],
  [/^Missing[A-Z]/, 'bug'],
];

/**
 * A group that is gone is no *.NotFound but an InvalidParameter with this message (Terraform's provider matches the
 * same text), so the text is what counts.
 */
const GROUP_MISSING = /VServerGroup(?:Id)?\b.*\b(?:does not exist|not found)/i;

export interface Refusal {
  readonly code: string;
  readonly text: string;
  readonly httpStatus: number;
  readonly retryAfterMs: number | undefined;
}

export function kindOf({ code, text, httpStatus, retryAfterMs }: Refusal): ErrorKind {
  if (GROUP_MISSING.test(text)) return 'groupMissing';
  // A region that is no region comes from a user's resource; any other bad parameter comes from us.
  if (code === 'InvalidParameter' && /\bRegionId\b/i.test(text)) return 'configuration';
  const listed = KIND_BY_CODE.get(code) ?? KIND_BY_FORM.find(([form]) => form.test(code))?.[1];
  if (listed !== undefined) return listed;
  if (httpStatus === 429 || retryAfterMs !== undefined) return 'throttled';
  if (httpStatus === 449) return 'busy';
  if (httpStatus === 401 || httpStatus === 403) return 'denied';
  return httpStatus >= 400 && httpStatus < 500 ? 'configuration' : 'transient';
}

/** A reply with these codes says nothing about what became of the call, or of an equal one before it. */
const TELLS_NOTHING: ReadonlySet<string> = new Set([
  'InternalError',
  'InternalInvokeError',
  'LocationServiceTimeout',
  'ProcessingSameRequest',
  'OperationFailed.TokenIsProcessing',
  'LastTokenProcessing',
  'SignatureNonceUsed',
]);

export function outcomeOf(refusal: Refusal, kind: ErrorKind): Outcome {
  if (kind === 'throttled') return 'refused';
  return refusal.httpStatus >= 500 || TELLS_NOTHING.has(refusal.code) ? 'unknown' : 'refused';
}

const HINT_BY_KIND: Readonly<Record<ErrorKind, string>> = {
  busy: 'The load balancer is still taking in an earlier change; the operator tries again by itself.',
  throttled:
    "The account's API rate is used up; the operator slows down and tries again by itself. If it goes on, raise the " +
    'rate in Quota Center or lower --api-qps.',
  transient: 'The API or the network to it failed; the operator tries again by itself.',
  credentials: 'Check the access key or RAM role that the operator runs with.',
  groupMissing:
    'Check spec.vServerGroupId and spec.regionId; delete the binding if the group was deleted on purpose.',
  badBackend:
    'One of the backends is unknown to the load balancer or cannot be attached to it; the operator goes on with the ' +
    'others.',
  quota: 'Remove backends that are not needed, or ask for a higher quota.',
  denied: '',
  configuration: 'Look the code up in the API reference; the operator tries again later.',
  bug: 'The request was malformed: please report it with the request id.',
};

const HINT_BY_CODE: Readonly<Record<string, string>> = {
  'InvalidTimeStamp.Expired': 'Set the clock of the node that the operator runs on.',
  LbStatusNotSupport: 'The load balancer must be active: start or unlock it, or settle its bill.',
  AccountHasArrearage: "Settle the account's bill.",
  'InvalidLoadBalancerId.NotFound': 'Check that the load balancer exists in this region.',
  UnauthorizedRegion: 'Check spec.regionId, --region and the endpoint.',
  RegionNotSupport: 'Check spec.regionId, --region and the endpoint.',
  'OperationFailed.Endpoint': 'Check spec.regionId, --region and the endpoint.',
  InvalidRegionId: 'Check spec.regionId or --region.',
  'InvalidRegionId.NotFound': 'Check spec.regionId or --region.',
  ENOTFOUND: 'Check spec.regionId, --region, the endpoint and the DNS of the cluster.',
  InsecureEndpoint: 'Use https, or allow plain HTTP explicitly.',
  Certificate:
    'The endpoint showed a certificate that is not trusted: check the endpoint, the proxy and NODE_EXTRA_CA_CERTS.',
  AmbiguousAddress: 'Set --vpc-id to the VPC of the cluster.',
  SignatureDoesNotMatch: 'Check that the access key secret belongs to the access key id.',
};

export function hintFor(code: string, kind: ErrorKind, outcome: Outcome, action: string): string {
  if (kind === 'denied') {
    const product = action === 'DescribeNetworkInterfaces' ? 'ecs' : 'slb';
    return `Grant the RAM action ${product}:${action} to the identity that the operator runs with.`;
  }
  const isRegion = code === 'InvalidParameter' && kind === 'configuration';
  const hint = HINT_BY_CODE[isRegion ? 'InvalidRegionId' : code] ?? HINT_BY_KIND[kind];
  return outcome === 'unknown'
    ? `${hint} The call may have taken effect: the current state is read before it is repeated.`
    : hint;
}
