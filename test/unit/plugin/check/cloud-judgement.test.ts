import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createApiError, refused } from '../../../../src/alibaba/errors/errors.ts';
import type { ApiError } from '../../../../src/cloud/api-error.ts';
import { judgeCloud } from '../../../../src/plugin/check/cloud-judgement.ts';
import type { Level } from '../../../../src/plugin/check/finding.ts';
import type { CloudSurvey, RoleSeen } from '../../../../src/plugin/check/seen-in-cloud.ts';

const refusal = (action: string, code: string, text: string, httpStatus = 400) =>
  refused(action, undefined, { code, text, httpStatus, requestId: 'R-1' });
const denied = (action: string) => refusal(action, 'Forbidden.RAM', 'User not authorized.', 403);
const GROUP_MISSING = refusal(
  'DescribeVServerGroupAttribute',
  'InvalidParameter',
  'The specified VServerGroupId does not exist.',
  404,
);
const WRONG_REGION = refusal('Describe', 'InvalidParameter', 'The specified RegionId is invalid.');
const BAD_KEY = refusal('Describe', 'SignatureDoesNotMatch', 'Specified signature is not matched.');
const INCOMPLETE = refusal(
  'Add',
  'MissingParameter',
  'The input parameter "BackendServers" is not supplied.',
);
const BUSY = refusal('Add', 'VServerGroupProcessing', 'pending');

const unreached = (code: string, kind: ApiError['kind'] = 'transient') =>
  createApiError({
    action: 'Describe',
    code,
    text: 'the API could not be reached',
    kind,
    outcome: 'refused',
  });
const NO_CREDENTIALS = unreached('CredentialsUnavailable', 'credentials');

const NOT_TRUSTED = createApiError({ ...NO_CREDENTIALS, action: 'AssumeRole', code: 'NoPermission' });

const eni = (ip: string, vpcId = 'vpc-1') => ({
  ...{ networkInterfaceId: `eni-${ip}`, vpcId, status: 'InUse' },
  privateIps: [ip],
  prefixes: [],
});

const WELL: CloudSurvey = {
  region: 'cn-hangzhou',
  vpcId: 'vpc-1',
  endpoints: { slb: 'https://slb.example', ecs: 'https://ecs.example' },
  credentials: { value: 'the RAM role r (RRSA)' },
  groupId: 'rsp-1',
  group: { value: { loadBalancerId: 'lb-1', rows: [] } },
  siblings: { value: [] },
  health: { value: [] },
  writes: {
    AddVServerGroupBackendServers: { failure: INCOMPLETE },
    SetVServerGroupAttribute: { value: undefined },
    RemoveVServerGroupBackendServers: { value: undefined },
  },
  roles: [],
  untriedRoles: 0,
  nodes: { value: [{ name: 'n', region: 'cn-hangzhou', address: '10.0.0.1' }] },
  podIPs: { value: ['10.0.0.2'] },
  interfaces: { value: [eni('10.0.0.1'), eni('10.0.0.2')] },
  cloudAheadMs: 400,
  apiServerAheadMs: -1_000,
};

const findingOf = (check: string, change: Partial<CloudSurvey>) => {
  const found = judgeCloud({ ...WELL, ...change }).filter((finding) => finding.check === check);
  expect(found).toHaveLength(1);
  return found[0]!;
};

test('where all is well, all is ok but what no harmless call can show', () => {
  const levels = judgeCloud(WELL).map(({ check, level }) => `${level} ${check}`);
  expect(levels).toEqual([
    'ok credentials',
    'ok SLB endpoint',
    'ok ECS endpoint',
    'ok region',
    'ok ecs:DescribeNetworkInterfaces',
    'ok vServer group',
    'ok slb:DescribeVServerGroupAttribute',
    'ok slb:DescribeVServerGroups',
    'ok slb:DescribeHealthStatus',
    'unknown slb:AddVServerGroupBackendServers',
    'ok slb:SetVServerGroupAttribute',
    'ok slb:RemoveVServerGroupBackendServers',
    'ok VPC',
    'ok pod addresses',
    'ok cloud clock',
    'ok API server clock',
  ]);
});

test('each action of the RAM policy has a line, and no other', () => {
  const policy = join(import.meta.dirname, '../../../../deploy/ram-policy.json');
  const { Statement } = JSON.parse(readFileSync(policy, 'utf8')) as { Statement: { Action: string[] }[] };
  const judged = judgeCloud(WELL).filter(({ check }) => /^(slb|ecs):/.test(check));
  expect(judged.map(({ check }) => check).sort()).toEqual(Statement.flatMap(({ Action }) => Action).sort());
});

test('what is not ok says what to do, and what is ok does not', () => {
  const changes: readonly Partial<CloudSurvey>[] = [
    {},
    { groupId: undefined, group: { failure: GROUP_MISSING } },
    { credentials: { failure: NO_CREDENTIALS }, group: { failure: NO_CREDENTIALS } },
    { interfaces: { failure: unreached('ENOTFOUND') } },
    { nodes: { failure: { is: 'forbidden', message: 'no' } }, podIPs: { value: [] } },
  ];
  for (const { level, advice } of changes.flatMap((change) => judgeCloud({ ...WELL, ...change })))
    expect([level, advice !== undefined && advice !== '']).toEqual([level, level !== 'ok']);
});

test.each<readonly [string, ApiError]>([
  ['none are given', NO_CREDENTIALS],
  ['STS refuses the role', createApiError({ ...NO_CREDENTIALS, requestId: 'R-STS' })],
  ['STS cannot be reached', unreached('ENOTFOUND')],
])('why there are no credentials is told once, and the other lines lead there: %s', (_, error) => {
  const failure = { failure: error };
  const found = judgeCloud({ ...WELL, credentials: failure, group: failure, interfaces: failure });
  const telling = found.filter(({ message }) => message.includes(error.code));
  expect(telling.map(({ check }) => check)).toEqual(['credentials']);
  const leading = found.filter(({ advice }) => advice === 'See the line about credentials.');
  expect(leading.map(({ check, level }) => `${level} ${check}`)).toEqual(
    expect.arrayContaining([
      ...['unknown SLB endpoint', 'unknown ECS endpoint', 'unknown ecs:DescribeNetworkInterfaces'],
      ...['unknown vServer group', 'unknown VPC'],
    ]),
  );
});

const ROLE = { roleArn: 'acs:ram::1234567890123456:role/slb' };

describe('a role that bindings may name', () => {
  const NAMED = { value: true };
  const findingOfRole = (
    asked: CloudSurvey['group'],
    isNamed: RoleSeen['isNamed'] = NAMED,
    change: Partial<CloudSurvey> = {},
  ) => findingOf(`role ${ROLE.roleArn}`, { roles: [{ role: ROLE, isNamed, asked }], ...change });

  test('is fine where its session reads groups, as the answer about one that does not exist shows', () => {
    expect(findingOfRole({ failure: GROUP_MISSING })).toMatchObject({ level: 'ok' });
  });

  test('fails where a binding names it and it cannot be assumed, or its session may not read groups', () => {
    expect(findingOfRole({ failure: NOT_TRUSTED })).toMatchObject({
      level: 'failed',
      advice: expect.stringContaining('Allow sts:AssumeRole'),
    });
    expect(findingOfRole({ failure: denied('DescribeVServerGroupAttribute') })).toMatchObject({
      level: 'failed',
      message: expect.stringContaining('Forbidden.RAM'),
    });
  });

  test('that no binding names may want an external id', () => {
    expect(findingOfRole({ failure: NO_CREDENTIALS }, { value: false })).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('no binding names it'),
      advice: expect.stringContaining('check again once a binding names the role'),
    });
  });

  test('that is refused without an external id is unknown where the bindings that may name one are not seen', () => {
    const unlisted: RoleSeen['isNamed'] = { failure: { is: 'forbidden', message: '403 for shop' } };
    expect(findingOfRole({ failure: NO_CREDENTIALS }, unlisted)).toMatchObject({
      level: 'unknown',
      message: expect.stringMatching(/without an external id: .*bindings .*cannot be listed: 403 for shop/),
      advice: 'It takes the right to list bindings.',
    });
    expect(findingOfRole({ failure: GROUP_MISSING }, unlisted)).toMatchObject({ level: 'ok' });
    expect(findingOfRole({ failure: denied('Describe') }, unlisted)).toMatchObject({ level: 'failed' });
  });

  test('that cannot be assumed is not judged where the credentials to assume it with are missing', () => {
    const failure = { failure: NO_CREDENTIALS };
    expect(findingOfRole(failure, NAMED, { credentials: failure })).toMatchObject({ level: 'unknown' });
    expect(findingOfRole({ failure: GROUP_MISSING }, NAMED, { credentials: failure })).toMatchObject({
      level: 'ok',
    });
  });
});

interface Case {
  readonly when: string;
  readonly change: Partial<CloudSurvey>;
  readonly check: string;
  readonly level: Level;
  readonly says: RegExp;
}

const withWrite = (failure: ApiError): Partial<CloudSurvey> => ({
  writes: { ...WELL.writes!, AddVServerGroupBackendServers: { failure } },
});
const withoutGroup = { groupId: undefined, group: { failure: GROUP_MISSING } } as const;
const { siblings: _siblings, health: _health, writes: _writes, ...ALONE } = WELL;

const cases: readonly Case[] = [
  {
    when: 'there are no credentials',
    change: { credentials: { failure: NO_CREDENTIALS } },
    ...{ check: 'credentials', level: 'failed', says: /^CredentialsUnavailable: .* Check the access key/ },
  },
  {
    when: 'the cloud refuses the key',
    change: { group: { failure: BAD_KEY } },
    ...{ check: 'credentials', level: 'failed', says: /RRSA\): SignatureDoesNotMatch.*secret belongs to/ },
  },
  {
    when: 'the cloud refuses the key: it answered',
    change: { group: { failure: BAD_KEY } },
    ...{ check: 'SLB endpoint', level: 'ok', says: /slb\.example answers/ },
  },
  {
    when: 'nothing could be signed',
    change: { group: { failure: NO_CREDENTIALS } },
    ...{ check: 'SLB endpoint', level: 'unknown', says: /not called: there are no credentials/ },
  },
  {
    when: 'the host is not known',
    change: { group: { failure: unreached('ENOTFOUND') } },
    ...{ check: 'SLB endpoint', level: 'failed', says: /ENOTFOUND.*--region, the endpoint and the DNS/ },
  },
  {
    when: 'the connection is refused',
    change: { interfaces: { failure: unreached('ECONNREFUSED') } },
    ...{ check: 'ECS endpoint', level: 'failed', says: /ECONNREFUSED.*port 443.*--endpoint-network/ },
  },
  {
    when: 'the region is another one than that of the endpoint',
    change: { interfaces: { failure: WRONG_REGION } },
    ...{ check: 'ECS endpoint', level: 'failed', says: /RegionId is invalid.*--region/ },
  },
  {
    when: 'the nodes are elsewhere',
    change: { nodes: { value: [{ name: 'n', region: 'cn-beijing', address: '10.0.0.1' }] } },
    ...{
      check: 'region',
      level: 'warning',
      says: /is cn-hangzhou, and the nodes are in cn-beijing.*VSGB_REGION/,
    },
  },
  {
    when: 'nodes tell no region',
    change: { nodes: { value: [{ name: 'n', region: undefined, address: '10.0.0.1' }] } },
    ...{ check: 'region', level: 'unknown', says: /spec\.providerID/ },
  },
  {
    when: 'nodes may not be listed',
    change: { nodes: { failure: { is: 'forbidden', message: '403' } } },
    ...{ check: 'VPC', level: 'unknown', says: /nodes cannot be listed: 403.*right to list nodes/ },
  },
  {
    when: 'the right to look addresses up is missing',
    change: { interfaces: { failure: denied('DescribeNetworkInterfaces') } },
    check: 'ecs:DescribeNetworkInterfaces',
    level: 'failed',
    says: /Forbidden\.RAM.*\(request R-1\).*Grant the RAM action ecs:DescribeNetworkInterfaces/,
  },
  {
    when: 'no group was named',
    change: withoutGroup,
    ...{ check: 'vServer group', level: 'unknown', says: /none was named.*--group/ },
  },
  {
    when: 'no group was named, and the answer is a denial all the same',
    change: { groupId: undefined, group: { failure: denied('DescribeVServerGroupAttribute') } },
    ...{
      check: 'slb:DescribeVServerGroupAttribute',
      level: 'failed',
      says: /Grant the RAM action slb:Describe/,
    },
  },
  {
    when: 'a role reads the group',
    change: { groupRole: ROLE },
    ...{ check: 'vServer group', level: 'ok', says: /rsp-1 .*read with the role acs:ram::.*:role\/slb/ },
  },
  {
    when: 'there are more roles and external ids than are tried',
    change: { untriedRoles: 3 },
    ...{ check: 'roles', level: 'unknown', says: /3 more roles or external ids were not tried/ },
  },
  {
    when: 'the group is not there',
    change: { group: { failure: GROUP_MISSING } },
    ...{ check: 'vServer group', level: 'failed', says: /no rsp-1 in cn-hangzhou/ },
  },
  {
    when: 'health checks may not be asked for',
    change: { health: { failure: denied('DescribeHealthStatus') } },
    ...{ check: 'slb:DescribeHealthStatus', level: 'warning', says: /spec\.readiness\.gate: Healthy/ },
  },
  {
    when: 'groups may not be listed',
    change: { siblings: { failure: denied('DescribeVServerGroups') } },
    ...{
      check: 'slb:DescribeVServerGroups',
      level: 'warning',
      says: /only bindings with spec\.vServerGroup need/,
    },
  },
  {
    when: 'a write is denied',
    change: withWrite(denied('AddVServerGroupBackendServers')),
    check: 'slb:AddVServerGroupBackendServers',
    level: 'failed',
    says: /Grant the RAM action slb:AddVServerGroupBackendServers/,
  },
  {
    when: 'a write is refused as incomplete',
    change: {},
    check: 'slb:AddVServerGroupBackendServers',
    level: 'unknown',
    says: /not denied.*MissingParameter.*only a change would prove it.*ram-policy\.json/,
  },
  {
    when: 'the group is busy',
    change: withWrite(BUSY),
    ...{
      check: 'slb:AddVServerGroupBackendServers',
      level: 'unknown',
      says: /Processing.*Check again later/,
    },
  },
  {
    when: 'the VPC is another one',
    change: { interfaces: { value: [] }, elsewhere: { value: [eni('10.0.0.1', 'vpc-9')] } },
    ...{ check: 'VPC', level: 'failed', says: /is vpc-1, and the nodes are in vpc-9.*VSGB_VPC_ID=vpc-9/ },
  },
  {
    when: 'no VPC is set, and one has the nodes',
    change: { vpcId: undefined },
    ...{ check: 'VPC', level: 'warning', says: /not set; the nodes are in vpc-1.*VSGB_VPC_ID=vpc-1/ },
  },
  {
    when: 'no VPC is set, and several have such addresses',
    change: { vpcId: undefined, interfaces: { value: [eni('10.0.0.1'), eni('10.0.0.1', 'vpc-2')] } },
    ...{ check: 'VPC', level: 'failed', says: /found in vpc-1, vpc-2/ },
  },
  {
    when: 'no interface anywhere has the address of a node',
    change: { interfaces: { value: [] }, elsewhere: { value: [] } },
    ...{
      check: 'VPC',
      level: 'warning',
      says: /no network interface in vpc-1 .*credentials are of the account/,
    },
  },
  {
    when: 'pods have addresses out of blocks of interfaces',
    change: {
      interfaces: { value: [eni('10.0.0.1'), { ...eni('10.0.0.9'), prefixes: ['10.0.0.0/28'] }] },
    },
    ...{ check: 'pod addresses', level: 'ok', says: /backendType eni works/ },
  },
  {
    when: 'no pod has the address of an interface',
    change: { interfaces: { value: [eni('10.0.0.1')] } },
    ...{ check: 'pod addresses', level: 'warning', says: /none of 1.*backendType ecs/ },
  },
  {
    when: 'some pods have none',
    change: { podIPs: { value: ['10.0.0.2', '172.16.0.3'] } },
    ...{ check: 'pod addresses', level: 'warning', says: /1 of 2 .*172\.16\.0\.3/ },
  },
  {
    when: 'no pod runs',
    change: { podIPs: { value: [] } },
    ...{ check: 'pod addresses', level: 'unknown', says: /no pod runs/ },
  },
  {
    when: 'the cloud is twenty minutes ahead',
    change: { cloudAheadMs: 20 * 60_000 },
    ...{ check: 'cloud clock', level: 'warning', says: /1200 s behind: from 15 minutes on.*NTP/ },
  },
  {
    when: 'the API server is two minutes behind',
    change: { apiServerAheadMs: -120_000 },
    ...{ check: 'API server clock', level: 'warning', says: /120 s ahead: .*NTP/ },
  },
  {
    when: 'no reply told the time',
    change: { cloudAheadMs: undefined },
    ...{ check: 'cloud clock', level: 'unknown', says: /no reply told the time/ },
  },
];

describe('of what was seen', () => {
  test.each(cases.map((each) => [each.when, each.check, each.level, each] as const))(
    '%s: %s is %s',
    (_, check, level, { change, says }) => {
      const finding = findingOf(check, change);
      expect([finding.level, `${finding.message}. ${finding.advice ?? ''}`]).toEqual([
        level,
        expect.stringMatching(says),
      ]);
    },
  );

  test('without a group, one line stands for the rights on load balancers', () => {
    const findings = judgeCloud({ ...ALONE, ...withoutGroup });
    expect(findings.filter(({ check }) => check.startsWith('slb:'))).toEqual([]);
  });

  test('without a group that was found, no right on it is judged', () => {
    const findings = judgeCloud({ ...ALONE, group: { failure: GROUP_MISSING } });
    const rights = findings.filter(({ check }) =>
      /^slb:(Add|Set|Remove|DescribeHealth|DescribeVServerGroups)/.test(check),
    );
    expect(rights.map(({ level }) => level)).toEqual(Array.from({ length: 5 }, () => 'unknown'));
  });
});
