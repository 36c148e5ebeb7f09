import type { ServicePortView, ServiceView } from './cluster.ts';
import { endpointMembers, readyAddresses } from './endpoint-members.ts';
import type { Desired, DesiredInput, Problem } from './member.ts';
import { nodeMembers } from './node-members.ts';

/** Cluster → what the group should hold. Sorted by slot: the same cluster gives the same answer. */
export function computeDesired(input: DesiredInput): Desired {
  const { service } = input;
  if (service === undefined) {
    return undetermined(
      input,
      'ServiceNotFound',
      `Service ${input.serviceName} does not exist: create it, or correct spec.serviceRef.name`,
    );
  }
  if (service.type === 'ExternalName') {
    return undetermined(
      input,
      'ServiceNotSupported',
      `Service ${input.serviceName} is of type ExternalName and has no endpoints: use a Service that selects pods`,
    );
  }
  const port = findPort(service, input.port);
  if (port === undefined) {
    return undetermined(
      input,
      'PortNotFound',
      `Service ${input.serviceName} has no port ${input.port} (it has ${describePorts(service)}): correct spec.serviceRef.port`,
    );
  }
  if (input.backendType === 'eni') return endpointMembers(input, port);
  if (port.nodePort === undefined) {
    return undetermined(
      input,
      'ServiceNotSupported',
      `Service ${input.serviceName} is of type ${service.type} and port ${input.port} has no nodePort: make it a NodePort Service, or use spec.backendType eni`,
    );
  }
  return nodeMembers(input, service, port.nodePort);
}

/** A number names the Service's port, a string its name; a string of digits is taken as a number, as kubectl does. */
function findPort(service: ServiceView, wanted: number | string): ServicePortView | undefined {
  const byName = service.ports.find((port) => port.name === wanted);
  return byName ?? service.ports.find((port) => String(port.port) === String(wanted));
}

function describePorts(service: ServiceView): string {
  if (service.ports.length === 0) return 'none';
  return service.ports
    .map((port) => (port.name === '' ? `${port.port}` : `${port.port} (${port.name})`))
    .join(', ');
}

function undetermined(input: DesiredInput, reason: Problem['reason'], message: string): Desired {
  return { kind: 'undetermined', alive: aliveAddresses(input), problem: { reason, message } };
}

function aliveAddresses(input: DesiredInput): ReadonlySet<string> {
  if (input.backendType === 'eni') return readyAddresses(input);
  if (input.service === undefined) return new Set();
  const nodes = nodeMembers(input, input.service, 1);
  return new Set(nodes.kind === 'members' ? nodes.members.map(({ instanceId }) => instanceId ?? '') : []);
}
