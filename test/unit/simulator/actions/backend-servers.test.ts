import { expect, test } from '@jest/globals';
import { parseBackendServers, rowKey } from '../../../../simulator/state/backend-servers.ts';

const I1 = { serverId: 'i-1', serverIp: '', port: 80, weight: 100, type: 'ecs', description: '' };

test.each([
  ['plain JSON', '[{"ServerId":"i-1","Port":80}]'],
  ['quoted numbers (Terraform)', '[{"ServerId":"i-1","Port":"80","Weight":"100"}]'],
  [
    'single quotes (Terraform, the Remove page)',
    "[{'ServerId':'i-1','Port':'80','Weight':'100', 'Type': 'ecs'}]",
  ],
  [
    'lower-camel keys and unknown ones (cloud controller manager)',
    '[{"serverId":"i-1","port":80,"IsUserManaged":false,"TargetRef":{"Name":"a"},"Invalid":null}]',
  ],
  ['an empty ServerIp and Description', '[{"ServerId":"i-1","Port":80,"ServerIp":"","Description":""}]'],
])('reads %s', (_, text) => {
  expect(parseBackendServers(text)).toEqual([I1]);
});

test('leaves an apostrophe inside double quotes alone', () => {
  expect(parseBackendServers(`[{"ServerId":"i-1","Port":'80',"Note":"it's"}]`)).toEqual([I1]);
});

test.each([
  ['no JSON', 'i-1', 'BackendServersMalformed'],
  ['an object instead of a list', '{"ServerId":"i-1"}', 'BackendServersMalformed'],
  ['a list of names', '["i-1"]', 'BackendServersMalformed'],
  ['no ServerId', '[{"Port":80}]', 'InvalidParameter'],
  ['no Port', '[{"ServerId":"i-1"}]', 'InvalidParameter'],
  ['Port 0', '[{"ServerId":"i-1","Port":0}]', 'InvalidParameter'],
  ['Port 65536', '[{"ServerId":"i-1","Port":65536}]', 'InvalidParameter'],
  ['Weight 101', '[{"ServerId":"i-1","Port":80,"Weight":101}]', 'InvalidWeight.Malformed'],
  ['Weight -1', '[{"ServerId":"i-1","Port":80,"Weight":-1}]', 'InvalidWeight.Malformed'],
  ['a Type of its own', '[{"ServerId":"i-1","Port":80,"Type":"pod"}]', 'BackendServer.InvalidType'],
  ['a Description with a space', '[{"ServerId":"i-1","Port":80,"Description":"a b"}]', 'InvalidParameter'],
  [
    'a Description of 81 characters',
    `[{"ServerId":"i-1","Port":80,"Description":"${'a'.repeat(81)}"}]`,
    'InvalidParameter',
  ],
])('refuses %s', (_, text, code) => {
  expect(() => parseBackendServers(text)).toThrow(expect.objectContaining({ code }));
});

test('takes a Description of 80 letters, digits and - / . _, Chinese letters included', () => {
  const description = `k8s/组-a_b.${'1'.repeat(70)}`;
  expect(
    parseBackendServers(JSON.stringify([{ ServerId: 'i-1', Port: 80, Description: description }])),
  ).toEqual([{ ...I1, description }]);
});

test('tells ENI rows apart by address, and ECS rows only by instance and port', () => {
  const eni = { serverId: 'eni-1', port: 80, type: 'eni' as const };
  expect(rowKey({ ...eni, serverIp: '10.0.0.1' })).not.toBe(rowKey({ ...eni, serverIp: '10.0.0.2' }));
  const ecs = { serverId: 'i-1', port: 80, type: 'ecs' as const };
  expect(rowKey({ ...ecs, serverIp: '10.0.0.1' })).toBe(rowKey({ ...ecs, serverIp: '' }));
});
