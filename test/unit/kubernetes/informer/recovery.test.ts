import { expect, test } from '@jest/globals';
import {
  KubeApiError,
  KubeConnectionError,
  KubeParseError,
} from '../../../../src/kubernetes/client/api-error.ts';
import { ListsDisagreeError } from '../../../../src/kubernetes/informer/believable.ts';
import { CLOSED, recoveryFrom, WentBackError } from '../../../../src/kubernetes/informer/recovery.ts';

const at = { method: 'GET', path: '/x' };
const api = (status: number, reason = '', causes: string[] = []) =>
  new KubeApiError(at, status, { reason, message: 'm', causes });
const cut = new KubeConnectionError(at, 'ECONNRESET', 'cut');

test.each([
  ['410', api(410), 'watch', false, 'newest', 'none-if-rare'],
  ['Expired', api(400, 'Expired'), 'list', false, 'newest', 'none-if-rare'],
  ['future version', api(504, 'Timeout', ['ResourceVersionTooLarge']), 'list', false, 'newest', 'backoff'],
  ['a time-out of another kind', api(504, 'Timeout'), 'watch', true, 'again', 'backoff'],
  ['404', api(404), 'list', false, 'newest', 'backoff'],
  ['disagreeing lists', new ListsDisagreeError('x'), 'list', false, 'newest', 'backoff'],
  ['not understood', new KubeParseError('x'), 'watch', true, 'list', 'backoff'],
  ['401', api(401), 'watch', false, 'again', 'backoff'],
  ['403', api(403), 'watch', true, 'again', 'backoff'],
  ['429', api(429), 'watch', true, 'again', 'backoff'],
  ['500', api(500), 'watch', true, 'again', 'backoff'],
  ['400 to a watch', api(400), 'watch', false, 'newest', 'backoff'],
  ['400 to a list', api(400), 'list', false, 'again', 'backoff'],
  ['a cut of a proven watch', cut, 'watch', true, 'again', 'none'],
  ['a server that is not reached', cut, 'watch', false, 'newest', 'backoff'],
  ['no answer in time', new KubeConnectionError(at, 'TIMEOUT', 'late'), 'list', false, 'newest', 'backoff'],
  ['a watch that ends at once', new KubeConnectionError(at, CLOSED, 'x'), 'watch', false, 'again', 'backoff'],
  ['a version before the one before', new WentBackError('/x', '9', '10'), 'watch', true, 'newest', 'backoff'],
  ['anything else', new Error('?'), 'watch', true, 'again', 'backoff'],
] as const)('after %s', (_name, error, during, proven, next, pause) => {
  expect(recoveryFrom({ error, during, proven })).toEqual({ next, pause });
});

test('after 403 in one of several namespaces all of it is listed again, since nothing was decided from it meanwhile', () => {
  const failure = { error: api(403), during: 'watch', proven: true, closable: true } as const;
  expect(recoveryFrom(failure)).toEqual({ next: 'newest', pause: 'backoff', refused: true });
  expect(recoveryFrom({ ...failure, error: api(500) })).toEqual({ next: 'again', pause: 'backoff' });
});
