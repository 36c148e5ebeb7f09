import { afterAll, beforeAll, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { ScriptedService } from '../../../lab/environment/scripted-service.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let operator: OperatorProcess;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false } });
  operator = await env.startOperator();
}, 120_000);
afterAll(async () => {
  await env?.close();
});

const enis = (group: string) =>
  env.simulator.state
    .group(group)
    .rows()
    .map(({ serverIp, serverId }) => `${serverIp} ${serverId}`)
    .sort();

scenario(
  'an endpoint that names no pod, and whose address went to another network interface: after a restart its row moves there',
  async () => {
    const app = await env.createNamespace('enis');
    const group = env.createGroup();
    const [moving, staying] = ['10.94.0.1', '10.94.0.2'] as const;
    env.simulator.state.setEni(moving, 'eni-before');
    env.simulator.state.setEni(staying, 'eni-same');
    await ScriptedService.create(app, [moving, staying]);
    await app.bind('web', group);
    await env.untilStatusTrue(app, 'web', group, { registered: 2 });
    expect(enis(group)).toEqual([`${moving} eni-before`, `${staying} eni-same`]);
    await operator.stop();
    env.simulator.state.setEni(moving, 'eni-after');
    const calls = env.recordCalls(group);
    operator = await env.startOperator();
    await waitUntil(
      'the row to move',
      () => enis(group).join() === [`${moving} eni-after`, `${staying} eni-same`].join(),
    );
    await env.untilStatusTrue(app, 'web', group, { registered: 2 });
    expect(calls.story()).toEqual([`Remove ${moving}:8080`, `Add ${moving}:8080`]);
  },
);

scenario(
  'pods whose addresses come out of an IP prefix of a network interface are behind that interface',
  async () => {
    const app = await env.createNamespace('enis');
    const group = env.createGroup();
    const addresses = ['10.94.1.17', '10.94.1.18'];
    env.simulator.state.setPrefix('10.94.1.16/28', 'eni-prefix');
    await ScriptedService.create(app, addresses);
    await app.bind('web', group);
    await env.untilHolds(group, addresses);
    await app.untilCondition('web', 'True', 'Synced');
    expect(enis(group)).toEqual(addresses.map((address) => `${address} eni-prefix`));
  },
);

scenario(
  'an endpoint that is no pod of this cluster, with an address that no network interface has: told, and waited for by nobody',
  async () => {
    const app = await env.createNamespace('enis');
    const group = env.createGroup();
    const [outside, inside] = ['10.94.2.1', '10.94.2.2'] as const;
    env.simulator.state.removeEni(outside);
    await ScriptedService.create(app, [outside, inside]);
    await app.bind('web', group);
    const { status } = await app.untilCondition('web', 'True', 'Synced');
    expect(env.rows(group)).toEqual([`${inside}:8080*100`]);
    expect(status?.conditions?.[0]?.message).toContain(
      `endpoint (${outside}:8080): not a pod of this cluster and cloud, and no ENI has the address`,
    );
    expect(status?.backends).toContainEqual(
      expect.objectContaining({ serverIp: outside, state: 'Pending', message: 'its ENI is not found' }),
    );
    await waitUntil('an event', async () =>
      (await app.events('web')).some((event) =>
        event.startsWith(`AddressOutside: endpoint (${outside}:8080)`),
      ),
    );
    env.simulator.state.setEni(outside, 'eni-late');
    await app.patchBinding('web', { spec: { minBackends: 1 } });
    await env.untilHolds(group, [outside, inside]);
  },
);
