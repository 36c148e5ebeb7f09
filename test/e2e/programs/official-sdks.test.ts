import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { locateCloudSdk } from '../../../lab/control-plane/build/build.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';

const BUILD_MS = 30 * 60_000;
const LIMIT_MS = 60_000;

const READ = 'DescribeVServerGroupAttribute';
const ROW = { ServerId: 'eni-1', ServerIp: '10.0.0.1', Port: 80, Type: 'eni', Description: 'k8s/shop/web' };

let program: string;
let simulator: Simulator;

beforeAll(async () => {
  program = await locateCloudSdk();
  simulator = await startSimulator();
}, BUILD_MS);
afterAll(async () => {
  await simulator?.close();
});

/** Makes one call with the vendor's Go client; returns its output, which for an API error is code and message. */
function call(client: string, action: string, parameters: object, secret = 'testsecret'): Promise<unknown> {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  const args = [client, new URL(simulator.url).host, secret, action, ...pairs];
  return new Promise((resolve, reject) => {
    const options = { timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
    execFile(program, args, options, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`${args.join(' ')}: ${stderr}`, { cause: error }));
      else resolve(JSON.parse(stdout));
    });
  });
}

describe.each([
  ['SDK V1 with the types of SLB (Cloud Controller Manager)', 'v1-slb', 'server string to sign is:POST'],
  ['SDK V1 without types (aliyun CLI)', 'v1-common', 'server string to sign is:POST'],
  ['SDK V2', 'v2', 'server StringToSign is [ACS3-HMAC-SHA256 '],
])('the Go %s', (_, client, signed) => {
  test('adds, reads, sets and removes', async () => {
    const group = `rsp-${client}`;
    simulator.state.createGroup(group, 'lb-1');
    const rows = (weight: number) => ({
      VServerGroupId: group,
      BackendServers: JSON.stringify([{ ...ROW, Port: '80', Weight: `${weight}` }]),
    });
    const { ServerIp, ...shown } = ROW;
    expect(await call(client, 'AddVServerGroupBackendServers', rows(20))).toMatchObject({
      BackendServer: [{ ...shown, Weight: 20 }],
    });
    expect(await call(client, READ, { VServerGroupId: group })).toMatchObject({
      BackendServer: [{ ...ROW, Weight: 20 }],
    });
    expect(await call(client, 'SetVServerGroupAttribute', rows(0))).toMatchObject({
      BackendServer: [{ ...shown, Weight: 0 }],
    });
    expect(await call(client, 'RemoveVServerGroupBackendServers', rows(0))).toEqual({ BackendServer: [] });
    const codes = simulator.journal.filter((one) => one.group === group).map(({ code }) => code);
    expect(codes).toEqual(['OK', 'OK', 'OK', 'OK']);
  });

  test('tells its caller code and message of an error', async () => {
    expect(await call(client, READ, { VServerGroupId: 'rsp-none' })).toEqual({
      code: 'InvalidParameter',
      message: expect.stringContaining('The specified VServerGroupId does not exist.'),
    });
  });

  test('is refused with a wrong secret, by the signature that it is to have', async () => {
    expect(await call(client, READ, { VServerGroupId: 'rsp-none' }, 'other')).toEqual({
      code: expect.stringMatching(/^(SignatureDoesNotMatch|InvalidAccessKeySecret)$/),
      message: expect.stringContaining(signed),
    });
  });
});
