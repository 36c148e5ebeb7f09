import type { Body } from '../gateway/replies.ts';
import {
  defaultConfiguration,
  type HealthCheckConfiguration,
  type Listener,
  type ListenerConfiguration,
} from '../state/listeners.ts';

/** An entry of DescribeLoadBalancerListeners (fields: structs of the Go SDK). */
export function listenerBody(loadBalancer: string, listener: Listener): Body {
  const { port, protocol, status = 'running', vServerGroupId } = listener;
  const configuration = configurationOf(listener);
  return {
    LoadBalancerId: loadBalancer,
    ListenerPort: port,
    ListenerProtocol: protocol,
    Status: status,
    Description: configuration?.description ?? '',
    Bandwidth: configuration?.bandwidth ?? -1,
    Scheduler: configuration?.scheduler ?? 'wrr',
    AclStatus: 'off',
    ...(vServerGroupId === undefined ? {} : { VServerGroupId: vServerGroupId }),
    ...(configuration && protocol === 'tcp' ? { TCPListenerConfig: tcpBody(configuration) } : {}),
    ...(configuration && protocol === 'http' ? { HTTPListenerConfig: httpBody(configuration) } : {}),
    Tags: [],
  };
}

/** The body of DescribeLoadBalancerTCPListenerAttribute and …HTTPListenerAttribute. */
export function attributesBody(listener: Listener): Body {
  const { port, status = 'running', vServerGroupId, protocol } = listener;
  const configuration = configurationOf(listener);
  if (!configuration) return {};
  return {
    ListenerPort: port,
    Status: status,
    Description: configuration.description,
    Bandwidth: configuration.bandwidth,
    Scheduler: configuration.scheduler,
    AclStatus: 'off',
    ...(vServerGroupId === undefined ? {} : { VServerGroupId: vServerGroupId }),
    ...(protocol === 'tcp' ? tcpBody(configuration) : httpBody(configuration)),
  };
}

function configurationOf({ configuration, protocol }: Listener): ListenerConfiguration | undefined {
  return (
    configuration ?? (protocol === 'tcp' || protocol === 'http' ? defaultConfiguration(protocol) : undefined)
  );
}

function tcpBody({ persistenceMs, idleMs, drainMs, healthCheck }: ListenerConfiguration): Body {
  return {
    PersistenceTimeout: persistenceMs / 1000,
    EstablishedTimeout: idleMs / 1000,
    ConnectionDrain: drainMs > 0 ? 'on' : 'off',
    ...(drainMs > 0 ? { ConnectionDrainTimeout: drainMs / 1000 } : {}),
    HealthCheck: healthCheck ? 'on' : 'off',
    HealthCheckSwitch: healthCheck ? 'on' : 'off',
    ...(healthCheck
      ? { ...healthCheckBody(healthCheck), HealthCheckConnectTimeout: healthCheck.timeoutMs / 1000 }
      : {}),
  };
}

function httpBody({ cookieMs, idleMs, requestMs, healthCheck }: ListenerConfiguration): Body {
  return {
    StickySession: cookieMs > 0 ? 'on' : 'off',
    ...(cookieMs > 0 ? { StickySessionType: 'insert', CookieTimeout: cookieMs / 1000 } : {}),
    IdleTimeout: idleMs / 1000,
    RequestTimeout: requestMs / 1000,
    XForwardedFor: 'on',
    ListenerForward: 'off',
    HealthCheck: healthCheck ? 'on' : 'off',
    ...(healthCheck
      ? { ...healthCheckBody(healthCheck), HealthCheckTimeout: healthCheck.timeoutMs / 1000 }
      : {}),
  };
}

function healthCheckBody(check: HealthCheckConfiguration): Body {
  return {
    HealthCheckType: check.type,
    HealthCheckMethod: check.method.toLowerCase(),
    HealthCheckURI: check.path,
    HealthCheckDomain: check.domain,
    HealthCheckHttpCode: check.codes.join(','),
    HealthCheckInterval: check.intervalMs / 1000,
    HealthyThreshold: check.healthyThreshold,
    UnhealthyThreshold: check.unhealthyThreshold,
    ...(check.port === undefined ? {} : { HealthCheckConnectPort: check.port }),
  };
}
