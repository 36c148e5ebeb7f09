import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAllDocuments, stringify } from 'yaml';
import { HOLD_ANNOTATION, READINESS_GATE } from '../../src/api/names.ts';
import { holdSecondsOf } from '../../src/kubernetes/objects/hold.ts';
import { injectText } from '../../src/plugin/inject/inject.ts';

/** Texts that YAML has to quote, fold or keep as a block. */
const value = fc.oneof(
  fc.constantFrom(
    'x',
    'a: b',
    '# no comment',
    '- x',
    '',
    ' ',
    '"',
    "'",
    '{{ x }}',
    '---',
    '...',
    '\t',
    'é…😀',
  ),
  fc.constantFrom('one\ntwo\n', 'one\n\n\n', '\n', 'no end\nof line', '  indented\n', 'word '.repeat(40)),
  fc.constantFrom(0, true, null, [], {}, ['a', 'b'], { a: { b: ['c'] } }, [[1], [{ a: 1 }]]),
);
const extra = fc.dictionary(fc.constantFrom('zz', 'aa', 'key with space', '#', 'args'), value, {
  maxKeys: 3,
});

const container = fc
  .tuple(
    fc.record({ name: fc.constantFrom('a', 'b') }, { requiredKeys: ['name'] }),
    extra,
    fc.constantFrom(
      {},
      { lifecycle: null },
      { lifecycle: {} },
      { lifecycle: { preStop: null } },
      { lifecycle: { postStart: { exec: { command: ['x'] } } } },
      { lifecycle: { preStop: { exec: { command: ['x'] } } } },
    ),
    extra,
  )
  .map((parts) => Object.assign({}, ...parts));

const podSpec = fc
  .tuple(
    extra,
    fc.constantFrom(
      {},
      { readinessGates: null },
      { readinessGates: [] },
      { readinessGates: [{ conditionType: 'x' }] },
    ),
    fc.record({ containers: fc.array(container, { minLength: 1, maxLength: 3 }) }),
    fc.constantFrom({}, { terminationGracePeriodSeconds: 10 }, { terminationGracePeriodSeconds: null }),
    extra,
  )
  .map((parts) => Object.assign({}, ...parts));

const metadata = fc.constantFrom(
  {},
  { metadata: null },
  { metadata: { annotations: null } },
  {
    metadata: { labels: { app: 'x' }, annotations: { a: 'b' } },
  },
);

const object = fc.tuple(metadata, podSpec, fc.boolean(), extra).map(([meta, spec, first, more]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  spec: { ...more, template: first ? { spec, ...meta } : { ...meta, spec } },
}));

const eol = fc.constantFrom('\n', '\n', '\r\n');

/** Some of the many ways in which an object can be written in YAML. */
const style = fc.record({
  indent: fc.constantFrom(2, 3, 4),
  collectionStyle: fc.constantFrom('any', 'any', 'any', 'flow' as const),
  defaultStringType: fc.constantFrom('PLAIN', 'PLAIN', 'QUOTE_DOUBLE' as const),
  eol,
  dashesAtKey: fc.boolean(),
  comments: fc.boolean(),
  endsLine: fc.boolean(),
});

const yaml = fc.tuple(fc.array(object, { minLength: 1, maxLength: 2 }), style).map(([objects, written]) => {
  const { eol, dashesAtKey, comments, endsLine, ...options } = written;
  const documents = objects.map((each) =>
    stringify(each, {
      ...options,
      indentSeq: !dashesAtKey,
      lineWidth: 0,
      aliasDuplicateObjects: false,
    } as object),
  );
  const lines = documents.join('---\n').split('\n');
  // Adds a comment to lines that end a value, where it cannot be part of a text.
  const told = lines.map((line, i) => (comments && /^[\w ]+: *\w*$/.test(line) ? `${line} # ${i}` : line));
  const whole = told.join(eol);
  return { text: endsLine ? whole : whole.trimEnd(), asJson: undefined };
});

const json = fc.tuple(object, fc.constantFrom(0, 2, '\t'), eol).map(([manifest, space, eol]) => {
  const asJson = (value: unknown) => JSON.stringify(value, null, space).replaceAll('\n', eol);
  return { text: asJson(manifest), asJson };
});

const read = (from: string) => parseAllDocuments(from).map((document) => document.toJS());
const comments = (from: string) => from.match(/ # \d+/g) ?? [];
const withHold = (from: string, holdSeconds: number) =>
  injectText(from, 'f', { gate: true, holdSeconds, templatePaths: [] });

interface Workload {
  spec: {
    template: {
      metadata?: { annotations?: Record<string, unknown> | null } | null;
      spec: {
        readinessGates?: unknown[] | null;
        terminationGracePeriodSeconds?: number | null;
        containers: { lifecycle?: { preStop?: Record<string, unknown> | null } | null }[];
      };
    };
  };
}

/** Computes the expected Deployment with gate and hold independently. */
function expected(workload: Workload, seconds: number): Workload {
  const { template } = workload.spec;
  const held = template.spec.containers.filter(({ lifecycle }) => !lifecycle?.preStop);
  template.spec.readinessGates = [...(template.spec.readinessGates ?? []), { conditionType: READINESS_GATE }];
  if (held.length === 0) return workload;
  for (const each of held) each.lifecycle = { ...each.lifecycle, preStop: { sleep: { seconds } } };
  template.spec.terminationGracePeriodSeconds = (template.spec.terminationGracePeriodSeconds ?? 30) + seconds;
  template.metadata = {
    ...template.metadata,
    annotations: { ...template.metadata?.annotations, [HOLD_ANNOTATION]: String(seconds) },
  };
  return workload;
}

test('inject: however it is written, gate and hold are added and nothing else; a second run adds nothing; another hold replaces the first; the operator counts pods of it as held', () => {
  let written = 0;
  fc.assert(
    fc.property(fc.oneof(yaml, json), ({ text: before, asJson }) => {
      const { text: after, told } = withHold(before, 25);
      if (told.some((line) => line.includes('end its last line'))) return;
      written++;
      expect(read(after)).toEqual(read(before).map((each) => expected(each as Workload, 25)));
      for (const { spec } of read(after) as Workload[])
        if (spec.template.metadata?.annotations?.[HOLD_ANNOTATION] !== undefined)
          expect(holdSecondsOf(spec.template.spec)).toBe(25);
      if (asJson !== undefined) expect(after).toBe(asJson(JSON.parse(after)));
      expect(comments(after)).toEqual(comments(before));
      expect(after.includes('\r')).toBe(before.includes('\r'));
      expect(after.replaceAll('\r\n', '').includes('\n')).toBe(before.replaceAll('\r\n', '').includes('\n'));
      expect(withHold(after, 25).text).toBe(after);
      expect(withHold(after, 40).text).toBe(withHold(before, 40).text);
    }),
    { numRuns: 150 },
  );
  expect(written).toBeGreaterThan(100);
});
