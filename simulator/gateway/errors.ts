/** An API error. Thrown by checks and actions, and turned into a reply in one place. */
export class ApiError extends Error {
  readonly code: string;
  readonly httpStatus: number;
  /** Becomes the header x-acs-retry-after, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Fields in addition to Code and Message, for example AccessDeniedDetail. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, options: ApiErrorOptions = {}) {
    const known = CODES[code];
    super(options.message ?? known?.[1] ?? `The request was refused with ${code}.`);
    this.name = 'ApiError';
    this.code = code;
    this.httpStatus = options.httpStatus ?? known?.[0] ?? 400;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? {};
  }
}

export interface ApiErrorOptions {
  readonly message?: string | undefined;
  readonly httpStatus?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function missingParameter(name: string): ApiError {
  return new ApiError('MissingParameter', {
    message: `The input parameter "${name}" that is mandatory for processing this request is not supplied.`,
  });
}

export function invalidParameter(message: string): ApiError {
  return new ApiError('InvalidParameter', { message });
}

/** The code for a missing group is not a *.NotFound code: common error codes page, "InvalidParameter", HTTP 404. */
export function groupNotFound(): ApiError {
  return new ApiError('InvalidParameter', {
    message: 'The specified VServerGroupId does not exist.',
    httpStatus: 404,
  });
}

export function isKnownCode(code: string): boolean {
  return Object.hasOwn(CODES, code);
}

/**
 * Code → HTTP status and message. Sources: common error codes page of the SLB developer guide, the error tables of the API metadata, and
 * live captures. Rate limits are HTTP 400, not 429. SystemBusy is 449 in the 2021 list and 400 in the metadata; the list is followed.
 */
const CODES: Readonly<Record<string, readonly [httpStatus: number, message: string]>> = {
  'InvalidAccessKeyId.NotFound': [404, 'Specified access key is not found.'],
  'InvalidAccessKeyId.Inactive': [400, 'Specified access key is disabled.'],
  'Forbidden.AccessKeyDisabled': [403, 'The access key is disabled.'],
  SignatureDoesNotMatch: [400, 'Specified signature is not matched with our calculation.'],
  IncompleteSignature: [400, 'The request signature does not conform to Aliyun standards.'],
  SignatureNonceUsed: [400, 'Specified signature nonce was used already.'],
  'InvalidTimeStamp.Expired': [400, 'Specified time stamp or date value is expired.'],
  'InvalidTimeStamp.Format': [400, 'Specified time stamp or date value is not well formatted.'],
  IllegalTimestamp: [400, 'The input parameter "Timestamp" is illegal.'],
  MissingParameter: [400, 'A mandatory parameter is not supplied.'],
  MissingSecurityToken: [400, 'SecurityToken is mandatory for this action.'],
  InvalidParameter: [400, 'The specified parameter is invalid.'],
  'InvalidAction.NotFound': [404, 'Specified api is not found, please check your url and method.'],
  InvalidVersion: [400, 'Specified parameter Version is not valid.'],
  'InvalidSecurityToken.Expired': [400, 'Specified SecurityToken is expired.'],
  'InvalidSecurityToken.Malformed': [400, 'Specified SecurityToken is malformed.'],
  'InvalidSecurityToken.MismatchWithAccessKey': [400, 'Specified SecurityToken mismatch with the AccessKey.'],
  'Forbidden.RAM': [
    403,
    'User not authorized to operate on the specified resource, or this API does not support RAM.',
  ],
  NoPermission: [403, 'You are not authorized to do this action. You should be authorized by RAM.'],
  Forbidden: [403, 'User not authorized to operate on the specified resource.'],
  'Forbidden.Unauthorized': [403, 'User not authorized to operate on the specified resource.'],
  Throttling: [400, 'Request was denied due to request throttling.'],
  'Throttling.User': [400, 'Request was denied due to user flow control.'],
  'Throttling.Api': [400, 'Request was denied due to api flow control.'],
  'Rejected.Throttling': [400, 'Request was denied due to request throttling.'],
  ServiceUnavailable: [503, 'The request has failed due to a temporary failure of the server.'],
  InternalError: [500, 'The request processing has failed due to some unknown error, exception or failure.'],
  InternalInvokeError: [500, 'The request processing has failed due to an internal invocation error.'],
  UnsupportedHTTPMethod: [403, 'This http method is not supported.'],
  'OperationFailed.Endpoint': [400, 'The operation is not supported by this endpoint.'],
  UnauthorizedRegion: [403, 'The specified region is not authorized.'],
  RegionNotSupport: [400, 'The region is not supported.'],
  VServerGroupProcessing: [
    400,
    'The previous configuration of the VServerGroup is pending, please try again later.',
  ],
  ServiceIsConfiguring: [
    400,
    'The previous configuration of the load balancer is pending, please try again later.',
  ],
  OperationBusy: [400, 'The previous operation is pending, please try again later.'],
  'OperationFailed.ServiceGroupProcessing': [
    400,
    'The operation failed because the server group is processing.',
  ],
  'OperationFailed.ListenerStatusNotSupport': [400, 'The operation failed because of the listener status.'],
  'OperationFailed.TokenIsProcessing': [400, 'The previous request with the same token is processing.'],
  'BackendServer.configuring': [
    409,
    'The previous configuration of the load balancer is pending, please try again later.',
  ],
  BackendServerProcessing: [400, 'The backend server is being added, please try again later.'],
  ServiceIsStopping: [409, 'The listener is stopping, please try again later.'],
  SystemBusy: [449, 'The system is busy, please try again later.'],
  VpcSystemBusy: [400, 'The vpc system is busy, please try again later.'],
  LocationServiceTimeout: [400, 'Location service connection timeout, please try again later.'],
  ProcessingSameRequest: [400, 'The same request is processing.'],
  LastTokenProcessing: [403, 'The last request with the same token is processing.'],
  ObtainIpFail: [400, 'Obtain IP address of the backend server failed: it does not exist or is not running.'],
  RspoolVipExist: [400, 'The VServerGroup is used by a listener.'],
  RspoolRuleExist: [400, 'The VServerGroup is used by a forwarding rule.'],
  LbStatusNotSupport: [400, 'The status of the load balancer does not support this operation.'],
  TooManyBackendServers: [
    400,
    'The number of specified backend servers exceeds the limit (max supported number: 20).',
  ],
  InstanceBackendServerNumberOverLimit: [
    400,
    'The number of backend servers of the load balancer exceeds the quota.',
  ],
  OverQuota: [400, 'The quota of the account is exceeded.'],
  'ORDER.QUOTA_EXCEEDED': [400, 'The quota of the account is exceeded.'],
  BackendServersMalformed: [400, 'The specified BackendServers is malformed.'],
  'InvalidWeight.Malformed': [400, 'The specified Weight is malformed.'],
  'InvalidServerId.NotFound': [404, 'The specified ServerId does not exist.'],
  'InvalidServerId.NotExist': [400, 'The specified ServerId does not exist.'],
  'ResourceNotFound.vServers': [404, 'The specified network interface does not exist.'],
  'BackendServer.InvalidType': [400, 'The specified Type of the backend server is invalid.'],
  'InvalidBackendServers.ServerIpConflict': [400, 'The ServerIp of the backend servers conflicts.'],
  'InvalidBackendServers.Inconsistent': [400, 'The backend servers are inconsistent.'],
  NetworkConflict: [400, 'The network of the backend server conflicts with that of the load balancer.'],
  'Mismatched.ZoneId': [400, 'The zone of the backend server does not match.'],
  MasterSlaveServerConflict: [400, 'The backend server conflicts with a primary/secondary server group.'],
  'OperationDeny.LbNotSupportIPv6Server': [400, 'The load balancer does not support IPv6 backend servers.'],
  'InvalidLoadBalancerId.NotFound': [404, 'The specified LoadBalancerId does not exist.'],
  ListenerAlreadyExists: [400, 'A listener with the specified port already exists'],
  ListenerNotFound: [404, 'You have not created a listener for the specified port of the load balancer.'],
  'Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch': [
    400,
    'The parameters VServerGroupId or MasterSlaveServerGroupId miss match.',
  ],
  TooManyListeners: [400, 'More than one listener uses the port; specify ListenerProtocol.'],
  VServerGroupEmpty: [400, 'The VServerGroup is empty.'],
  ActionNotAllowed: [400, 'The action is not allowed in the current state.'],
  UnsupportedOperation: [400, 'The operation is not supported.'],
  AccountHasArrearage: [400, 'The account has overdue payments.'],
};
