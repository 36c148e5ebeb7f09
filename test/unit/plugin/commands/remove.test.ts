import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import type { Cloud } from '../../../../src/alibaba/cloud.ts';
import { remove } from '../../../../src/plugin/commands/remove.ts';
import { apiError, FakeVServerGroups } from '../../controller/group/fake-cloud.ts';
import { runCommand } from '../plugin-call.ts';

test('a removal that is refused is the reason why something is left, whatever else is removed after it', async () => {
  const clock = new FakeClock();
  const groups = new FakeVServerGroups(clock);
  groups.rows = ['a', 'b'].map((name) => ({ serverId: `i-${name}`, port: 80, type: 'ecs', weight: 100 }));
  groups.behave = ({ action, backends }) => {
    if (action !== 'remove' || !backends.includes('i-a')) return undefined;
    throw apiError('unfitBackend', 'ObtainIpFail');
  };
  const words = ['--region', 'cn-hangzhou', '--group', 'rsp-1', '--backend', 'i-a:80', '--backend', 'i-b:80'];
  const cloud = { client: { vServerGroups: groups } } as unknown as Cloud;
  const { code: removed, written } = runCommand(remove, words, { clock, cloud });
  await clock.advance(10_000);
  expect(await removed).toBe(1);
  expect(groups.shown).toEqual(['i-a:80*100']);
  expect(written.stderr).toMatch(/\nremoved i-b:80 .*\nTest failed with ObtainIpFail: /);
});
