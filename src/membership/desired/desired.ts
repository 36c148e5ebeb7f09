import type { ServicePortView, ServiceView } from './cluster.ts';
import { endpointMembers, givenByEndpoints } from './endpoint-members.ts';
import { liveEndpoints, ofOneFamily } from './endpoints.ts';
import { matchesSelector } from './label-selector.ts';
import { type Desired, type DesiredInput, earliest, type GivenStates, type Problem } from './member.ts';
import { givenByNodes, nodeMembers } from './node-members.ts';

/**
 * Computes what the group should hold from the state of the cluster. Sorted by slot, so that the same cluster gives the same result.
 *
 * | the Service                                                | = what it gives the group                                      |
 * |------------------------------------------------------------|----------------------------------------------------------------|
 * | does not exist, or is an ExternalName                      | nothing new; what the former Service gives may stay            |
 * | does not have the port that the binding names              | the same, and what it gives itself by any other port           |
 * | has it, without a nodePort (`ecs`)                         | the same                                                       |
 * | has it, but spec.nodeSelector selects no node              | nothing new; what it gives by all nodes may stay               |
 * | has it, and live endpoints, but none of spec.addressFamily | nothing new; what it gives by those may stay                   |
 * | has it                                                     | its endpoints (endpoint-members.ts) or nodes (node-members.ts) |
 *
 * The former Service is the one whose backends the group holds, if the binding names another one now. These rules tell a typo in the
 * binding from a change of the Service. Backends at a port that a Service still has stay, even if the binding names the port or the
 * Service wrongly. Backends at a port that it no longer has leave: another Service may get the port, and would get their traffic.
 */
export function computeDesired(input: DesiredInput): Desired {
  const desired = givenByService(input);
  const { former } = input;
  if (desired.kind === 'members' || former === undefined || former.service.type === 'ExternalName')
    return desired;
  const { given, until } = givenBy({ ...input, ...former }, former.service);
  return {
    ...desired,
    given: new Map([...given, ...desired.given]),
    until: earliest(until, desired.until),
  };
}

function givenByService(input: DesiredInput): Desired {
  const { service, serviceName } = input;
  if (service === undefined) {
    return undetermined(
      NOTHING,
      'ServiceNotFound',
      `Service ${serviceName} does not exist: create it, or correct spec.serviceRef.name`,
    );
  }
  if (service.type === 'ExternalName') {
    return undetermined(
      NOTHING,
      'ServiceNotSupported',
      `Service ${serviceName} is of type ExternalName and has no endpoints: use a Service that selects pods`,
    );
  }
  const [port, ...others] = findPorts(service, input.port);
  if (port === undefined) {
    return undetermined(
      givenBy(input, service),
      'PortNotFound',
      `Service ${serviceName} has no port ${input.port} (it has ${describePorts(service)}): correct spec.serviceRef.port`,
    );
  }
  if (input.backendType === 'ecs' && port.nodePort === undefined) {
    return undetermined(
      givenBy(input, service),
      'ServiceNotSupported',
      `Service ${serviceName} is of type ${service.type} and port ${input.port} has no nodePort: make it a NodePort Service, or use spec.backendType eni`,
    );
  }
  const unfound = input.backendType === 'eni' ? unfoundFamily(input) : unfoundNodes(input, service);
  if (unfound !== undefined) return unfound;
  const desired =
    input.backendType === 'eni' ? endpointMembers(input, port) : nodeMembers(input, service, port);
  if (desired.kind !== 'members' || others.length === 0) return desired;
  return { ...desired, problems: [...desired.problems, ambiguousPort(input, port, others)] };
}

/** A selector that selects no node is a typo, or was set before its nodes were labelled. If all nodes are gone, nothing may stay. */
function unfoundNodes(input: DesiredInput, service: ServiceView): Desired | undefined {
  const { nodeSelector, nodes } = input;
  if (nodeSelector === undefined) return undefined;
  let count = 0;
  for (const { labels } of nodes.values()) {
    if (matchesSelector(nodeSelector, labels)) return undefined;
    count++;
  }
  return undetermined(
    givenBy({ ...input, nodeSelector: undefined }, service),
    'NodesNotFound',
    `spec.nodeSelector selects none of the ${count} nodes: correct it, or label the nodes that are to be backends`,
  );
}

function unfoundFamily(input: DesiredInput): Desired | undefined {
  const { addressFamily, serviceName } = input;
  if (addressFamily === undefined) return undefined;
  const live = [...liveEndpoints(input)];
  const isFound = ofOneFamily(live, input).length > 0;
  if (isFound || !live.some(({ standing }) => standing === 'member')) return undefined;
  return undetermined(
    givenByEndpoints(input),
    'AddressFamilyNotFound',
    `the endpoints of Service ${serviceName} have no ${addressFamily} address: correct spec.addressFamily, or spec.ipFamilies of the Service`,
  );
}

const NOTHING: GivenStates = { given: new Map() };

function givenBy(input: DesiredInput, service: ServiceView): GivenStates {
  return input.backendType === 'eni' ? givenByEndpoints(input) : givenByNodes(input, service);
}

/**
 * A number is a port number, a string the name of a port; a string of digits is also taken as a number, as in kubectl. Two ports
 * may have the same number if their protocols differ.
 */
export function findPorts({ ports }: ServiceView, wanted: number | string): readonly ServicePortView[] {
  const byName = ports.filter(({ name }) => name === wanted);
  return byName.length > 0 ? byName : ports.filter(({ port }) => String(port) === String(wanted));
}

function ambiguousPort(
  { serviceName, port }: DesiredInput,
  taken: ServicePortView,
  others: readonly ServicePortView[],
): Problem {
  const names = [taken, ...others].map(({ name, protocol }) => `${name} (${protocol})`);
  return {
    reason: 'AmbiguousPort',
    message: `Service ${serviceName} has port ${port} more than once: ${names.join(', ')}; ${taken.name} is used: name the port in spec.serviceRef.port`,
  };
}

function describePorts({ ports }: ServiceView): string {
  if (ports.length === 0) return 'none';
  return ports.map(({ name, port }) => (name === '' ? `${port}` : `${port} (${name})`)).join(', ');
}

function undetermined(given: GivenStates, reason: Problem['reason'], message: string): Desired {
  return { kind: 'undetermined', ...given, problem: { reason, message } };
}
