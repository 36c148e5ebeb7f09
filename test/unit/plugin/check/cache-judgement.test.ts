import { expect, test } from '@jest/globals';
import { judgeCaches } from '../../../../src/plugin/check/cache-judgement.ts';

const page = (values: Readonly<Record<string, number>>) => ({
  page: Object.entries({
    'vsgb_cache_synced{resource="nodes"}': 1,
    'vsgb_cache_synced{resource="services"}': 1,
    'vsgb_watch_up{resource="nodes"}': 1,
    'vsgb_watch_up{resource="services"}': 1,
    'vsgb_cache_lists_total{resource="nodes"}': 1,
    'vsgb_cache_lists_total{resource="services"}': 2,
    'vsgb_cache_refused_objects_total{resource="nodes"}': 0,
    ...values,
  })
    .map(([series, value]) => `${series} ${value}\n`)
    .join(''),
});

test.each([
  ['all is there', page({}), 'ok', /nodes, services; 3 lists/],
  ['a list is missing', page({ 'vsgb_cache_synced{resource="nodes"}': 0 }), 'failed', /not complete: nodes/],
  [
    'a watch is down',
    page({ 'vsgb_watch_up{resource="services"}': 0 }),
    'failed',
    /no changes arrive: services/,
  ],
  [
    'objects cannot be read',
    page({ 'vsgb_cache_refused_objects_total{resource="nodes"}': 2 }),
    'warning',
    /cannot be read: nodes/,
  ],
  ['there are no metrics', { none: 'off' }, 'unknown', /^off$/],
  ['the page is that of something else', { page: 'hello 1\n' }, 'unknown', /name no cache/],
])('%s', (_, seen, level, message) => {
  expect(judgeCaches(seen)).toMatchObject({
    check: 'caches',
    level,
    message: expect.stringMatching(message),
  });
});
