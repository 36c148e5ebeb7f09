import { describe, expect, test } from '@jest/globals';
import { injectText } from '../../../../src/plugin/inject/inject.ts';
import type { InjectOptions } from '../../../../src/plugin/inject/plan-object.ts';

const OPTIONS: InjectOptions = { gate: true, holdSeconds: 25, templatePaths: [] };

/** Injects twice: the second time must change nothing. */
function injected(text: string, options: Partial<InjectOptions> = {}) {
  const wanted = { ...OPTIONS, ...options };
  const first = injectText(text, 'web.yaml', wanted);
  expect(injectText(first.text, 'web.yaml', wanted).text).toBe(first.text);
  return first;
}

/** The lines of the result, with a `+` before added ones. Fails unless all other lines are unchanged and in order. */
function diff(text: string, options: Partial<InjectOptions> = {}): string {
  const before = text.split('\n');
  const lines = injected(text, options).text.split('\n');
  const marked = lines.map((line) => {
    if (line !== before[0]) return `+${line}`;
    before.shift();
    return ` ${line}`;
  });
  expect(before).toEqual([]);
  return marked.join('\n');
}

describe('where it is written', () => {
  test('a Deployment: comments, order, quoting and indentation stay', () => {
    const text = `# the shop
apiVersion: apps/v1   # since 2018
kind: Deployment
metadata: {name: web, namespace: 'shop'}
spec:
    replicas: 3   # three
    template:
        metadata:
            labels:
                app: "web"   # label
        # its pods
        spec:
            # containers
            containers:
            - name: web    # main
              image: 'x'
              args: [a, "b"]
              # resources: {}
            # - name: other
            -   name: side
                command:
                - sh
                - |
                  a

            volumes: []   # none

    # the end
    strategy: {}
`;
    expect(diff(text)).toBe(` # the shop
 apiVersion: apps/v1   # since 2018
 kind: Deployment
 metadata: {name: web, namespace: 'shop'}
 spec:
     replicas: 3   # three
     template:
         metadata:
             labels:
                 app: "web"   # label
+            annotations:
+                slb.alibabacloud.com/hold: "25"
         # its pods
         spec:
             # containers
             containers:
             - name: web    # main
               image: 'x'
               args: [a, "b"]
+              lifecycle:
+                  preStop:
+                      sleep:
+                          seconds: 25
               # resources: {}
             # - name: other
             -   name: side
                 command:
                 - sh
                 - |
                   a
+                lifecycle:
+                    preStop:
+                        sleep:
+                            seconds: 25
 
             volumes: []   # none
+            readinessGates:
+            - conditionType: slb.alibabacloud.com/load-balancer-ready
+            terminationGracePeriodSeconds: 55
 
     # the end
     strategy: {}
 `);
  });

  test('what is there already is completed where it stands', () => {
    const { text } = injected(`apiVersion: v1
kind: Pod
metadata:
  annotations:   # none
spec:
  readinessGates:
    - conditionType: example.com/warm   # own
  terminationGracePeriodSeconds: 10 # ten
  containers:
    - name: a
      lifecycle: {}
    - {name: b}   # flow
    - name: c
      lifecycle:
        postStart: {exec: {command: [x]}}
    - name: d
      lifecycle:
        preStop:
`);
    expect(text).toBe(`apiVersion: v1
kind: Pod
metadata:
  annotations: { slb.alibabacloud.com/hold: "25" }   # none
spec:
  readinessGates:
    - conditionType: example.com/warm   # own
    - conditionType: slb.alibabacloud.com/load-balancer-ready
  terminationGracePeriodSeconds: 35 # ten
  containers:
    - name: a
      lifecycle: {preStop: { sleep: { seconds: 25 } }}
    - {name: b, lifecycle: { preStop: { sleep: { seconds: 25 } } }}   # flow
    - name: c
      lifecycle:
        postStart: {exec: {command: [x]}}
        preStop:
          sleep:
            seconds: 25
    - name: d
      lifecycle:
        preStop: { sleep: { seconds: 25 } }
`);
  });

  test('no final newline, Windows line ends, a byte order mark and tabs stay', () => {
    const text =
      '\uFEFFapiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - name: a\r\n    args: [\'a\tb\', "c\\td"]';
    expect(injected(text, { gate: false }).text).toBe(
      [
        text,
        '    lifecycle:',
        '      preStop:',
        '        sleep:',
        '          seconds: 25',
        '  terminationGracePeriodSeconds: 55',
        'metadata:',
        '  annotations:',
        '    slb.alibabacloud.com/hold: "25"',
      ].join('\r\n'),
    );
  });

  test('documents: each by itself, with what is between them', () => {
    const pod = 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n';
    const service = 'apiVersion: v1\nkind: Service\nspec: { ports: [ {port: 80} ] }\n';
    const text = `# head\n---\n${service}...\n# between\n---\n${pod}---\n# empty\n---\n"text"\n---\n${pod}`;
    const gate = '  readinessGates:\n    - conditionType: slb.alibabacloud.com/load-balancer-ready\n';
    expect(injected(text, { holdSeconds: undefined }).text).toBe(text.replaceAll(pod, pod + gate));
  });

  const daemonSet = (containers: unknown) => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'ds' },
    spec: { template: { spec: { containers } } },
  });
  const expected = (name: string) => ({ name, lifecycle: { preStop: { sleep: { seconds: 25 } } } });

  test.each<[string, string | number | undefined]>([
    ['two spaces', 2],
    ['tabs', '\t'],
    ['one line', undefined],
  ])('JSON, a List, written with %s: JSON of the same indentation', (_, space) => {
    const list = { apiVersion: 'v1', kind: 'List', items: [daemonSet([{ name: 'a' }, { name: 'b' }])] };
    const { text } = injected(JSON.stringify(list, null, space));
    const read = JSON.parse(text);
    expect(text).toBe(JSON.stringify(read, null, space));
    const { template } = read.items[0].spec;
    expect(template.spec.containers).toEqual([expected('a'), expected('b')]);
    expect(template.spec.terminationGracePeriodSeconds).toBe(55);
  });

  const gates = [{ conditionType: 'slb.alibabacloud.com/load-balancer-ready' }];
  const preStop = { sleep: { seconds: 25 } };
  const annotations = { 'slb.alibabacloud.com/hold': '25' };
  const POD = { apiVersion: 'v1', kind: 'Pod' };

  test.each<[string, object, object]>([
    ...[null, []].map((none): [string, object, object] => [
      `"readinessGates": ${JSON.stringify(none)}`,
      { ...POD, spec: { readinessGates: none, containers: [{}] } },
      { spec: { readinessGates: gates } },
    ]),
    ...[null, {}].flatMap((none): [string, object, object][] => [
      [
        `"metadata": ${JSON.stringify(none)}`,
        { ...POD, metadata: none, spec: { containers: [{}] } },
        { metadata: { annotations } },
      ],
      [
        `"annotations": ${JSON.stringify(none)}`,
        { ...POD, metadata: { annotations: none }, spec: { containers: [{}] } },
        { metadata: { annotations } },
      ],
      [
        `"lifecycle": ${JSON.stringify(none)}`,
        { ...POD, spec: { containers: [{ lifecycle: none }] } },
        { spec: { containers: [{ lifecycle: { preStop } }] } },
      ],
      [
        `"preStop": ${JSON.stringify(none)}`,
        { ...POD, spec: { containers: [{ lifecycle: { preStop: none } }] } },
        { spec: { containers: [{ lifecycle: { preStop } }] } },
      ],
    ]),
  ])('JSON with %s: JSON of the same indentation', (_, pod, wanted) => {
    for (const space of [undefined, 2, '\t']) {
      const { text } = injected(JSON.stringify(pod, null, space));
      const read = JSON.parse(text);
      expect(read).toMatchObject(wanted);
      expect(text).toBe(JSON.stringify(read, null, space));
    }
  });

  test('YAML in flow style over several lines', () => {
    const text =
      'apiVersion: v1\nkind: Pod\nspec: {\n  containers: [\n    {name: a}, # first\n    {name: b}\n  ]\n  }\n';
    expect(injected(text, { holdSeconds: undefined }).text).toBe(
      text.replace(
        '  ]\n',
        '  ],\n  readinessGates: [ { conditionType: slb.alibabacloud.com/load-balancer-ready } ]\n',
      ),
    );
  });

  test('keys with an anchor, or written as such', () => {
    const text = 'apiVersion: v1\nkind: Pod\nspec:\n  &first containers:\n    - ? name\n      : a\n';
    expect(diff(text, { gate: false })).toContain(
      '+      lifecycle:\n+        preStop:\n+          sleep:\n+            seconds: 25\n',
    );
  });

  test('anchors and merge keys, where each container says so itself', () => {
    const text =
      'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - &base\n      name: a\n    - <<: *base\n      name: b\n';
    const lifecycle = '      lifecycle:\n        preStop:\n          sleep:\n            seconds: 25\n';
    expect(injected(text).text).toContain(
      `name: a\n${lifecycle}    - <<: *base\n      name: b\n${lifecycle}`,
    );
  });
});

describe('what cannot be written without changing something else is left as it is, and told', () => {
  test.each([
    [
      'an anchor that is used elsewhere, too',
      'spec:\n  containers:\n    - &c\n      name: a\n  initContainers: [*c]\n',
      /anchor or a merge key would carry it elsewhere/,
    ],
    [
      'an alias in place of the template',
      'x: &spec\n  containers:\n    - name: a\nspec: *spec\n',
      /\*spec is an alias of what has to change: write it out/,
    ],
    [
      'a merge key whose lifecycle would be hidden',
      'x: &c\n  lifecycle: {postStart: {exec: {command: [x]}}}\nspec:\n  containers:\n    - <<: *c\n      name: a\n',
      /merge key would carry it elsewhere/,
    ],
    [
      'a block scalar that the end of the file cuts short',
      'spec:\n  containers:\n    - name: a\n      args:\n        - |\n          a',
      /the text ends within a block scalar: end its last line/,
    ],
    [
      'a list where a map should be',
      'spec:\n  containers:\n    - name: a\n      lifecycle: none\n',
      /preStop cannot be set in what is not a map/,
    ],
  ])('%s', (_, pod, why) => {
    const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n${pod}`;
    const result = injected(text);
    expect(result).toMatchObject({ text, refused: true });
    expect(result.told).toEqual([expect.stringMatching(why)]);
    expect(result.told[0]).toMatch(/^web\.yaml:1: Pod p: nothing added: /);
  });
});

describe('which objects', () => {
  const TEMPLATE = 'template:\n    spec:\n      containers:\n        - name: web\n';
  const object = (apiVersion: string, kind: string, spec = `  ${TEMPLATE}`) =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  namespace: shop\n  name: web\nspec:\n${spec}`;

  test.each([
    ['apps/v1', 'Deployment'],
    ['apps/v1', 'StatefulSet'],
    ['apps/v1', 'DaemonSet'],
    ['apps/v1', 'ReplicaSet'],
    ['v1', 'ReplicationController'],
    ['argoproj.io/v1alpha1', 'Rollout'],
  ])('%s %s: gate and hold, told with file, line and name', (apiVersion, kind) => {
    const { text, told, refused } = injected(`# head\n${object(apiVersion, kind)}`);
    expect(text).toContain('      readinessGates:\n        - conditionType:');
    expect(told).toEqual([
      `web.yaml:2: ${kind} shop/web: added: readiness gate, hold of 25 s, grace period of 55 s (was 30 s)`,
    ]);
    expect(refused).toBe(false);
  });

  test.each([
    ['Service', object('v1', 'Service', '  ports: []\n')],
    ['a Rollout that names its Deployment', object('argoproj.io/v1alpha1', 'Rollout', '  workloadRef: {}\n')],
    ['nothing but a comment', '# nothing\n'],
    ['an empty file', ''],
    ['no object', '- a\n- b\n'],
  ])('%s: as it is, and nothing is said', (_, text) => {
    expect(injected(text)).toEqual({ text, told: [], refused: false, paths: [] });
  });

  test.each([
    ['Job', 'batch/v1', /left as it is: pods of a Job run to completion/, false],
    ['CronJob', 'batch/v1', /left as it is: pods of a Job run to completion/, false],
    ['CloneSet', 'apps.kruise.io/v1', /if its pods serve requests, say --pod-template spec\.template/, false],
    ['Deployment', 'apps/v1', /nothing added: it has no containers/, true],
  ])('%s: as it is, and told why', (kind, apiVersion, why, refused) => {
    const text = object(apiVersion, kind, kind === 'Deployment' ? '  replicas: 2\n' : `  ${TEMPLATE}`);
    expect(injected(text)).toMatchObject({ text, told: [expect.stringMatching(why)], refused });
  });

  test('kinds that are not known, by the path of the user', () => {
    const podTemplates = {
      templatePaths: [
        ['spec', 'template'],
        ['spec', 'pod'],
      ],
    };
    const { text, paths } = injected(object('apps.kruise.io/v1', 'CloneSet'), podTemplates);
    expect(text).toContain('preStop');
    expect(paths).toEqual([['spec', 'template']]);
  });

  test('a kind with several templates, each by its path', () => {
    const pod = (name: string) => `{spec: {containers: [{name: ${name}}]}}`;
    const set = object('example.com/v1', 'Set', `  a: ${pod('x')}\n  b: ${pod('y')}\n`);
    const a = ['spec', 'a'];
    const b = ['spec', 'b'];
    const wanted = { templatePaths: [a, b, ['spec', 'c']], holdSeconds: undefined };
    const { text, told, refused, paths } = injected(set, wanted);
    const gate = 'readinessGates: [ { conditionType: slb.alibabacloud.com/load-balancer-ready } ]';
    expect(text).toBe(set.replaceAll(/(containers: \[.*?\])/g, `$1, ${gate}`));
    expect(told).toEqual([
      'web.yaml:1: Set shop/web: spec.a: added: readiness gate',
      'web.yaml:1: Set shop/web: spec.b: added: readiness gate',
    ]);
    expect({ refused, paths }).toEqual({ refused: false, paths: [a, b] });
  });

  test('of several templates one may opt out or be refused, and is named', () => {
    const container = '{name: x, lifecycle: {preStop: {exec: {command: [x]}}}}';
    const spec = [
      `  a: {metadata: {labels: {slb.alibabacloud.com/zero-downtime: disabled}}, spec: {containers: [{}]}}`,
      `  b: {spec: {containers: [${container}]}}`,
    ];
    const set = object('example.com/v1', 'Set', `${spec.join('\n')}\n`);
    const templatePaths = [
      ['spec', 'a'],
      ['spec', 'b'],
    ];
    expect(injected(set, { templatePaths, gate: false })).toMatchObject({
      text: set,
      told: [
        'web.yaml:1: Set shop/web: spec.a: left as it is: its label slb.alibabacloud.com/zero-downtime is disabled',
        'web.yaml:1: Set shop/web: spec.b: container x has its own preStop, which stays as it is: make sure that it takes 25 s or more',
      ],
      refused: true,
      paths: templatePaths,
    });
  });

  test('one that opts out, and one with a preStop of its own, are told among others', () => {
    const own = '    lifecycle: {preStop: {exec: {command: [x]}}}\n';
    const pods = [
      'kind: Pod\napiVersion: v1\nmetadata: {name: a, labels: {slb.alibabacloud.com/zero-downtime: disabled}}\nspec:\n  containers:\n  - name: web\n',
      `kind: Pod\napiVersion: v1\nmetadata: {generateName: b-}\nspec:\n  containers:\n  - name: web\n${own}`,
    ];
    expect(injected(pods.join('---\n'))).toMatchObject({
      told: [
        'web.yaml:1: Pod a: left as it is: its label slb.alibabacloud.com/zero-downtime is disabled',
        'web.yaml:8: Pod b-: added: readiness gate',
        'web.yaml:8: Pod b-: container web has its own preStop, which stays as it is: make sure that it takes 25 s or more',
      ],
      refused: true,
    });
  });
});

test.each([
  ['kind: Pod\nspec:\n\tcontainers: []\n', /^web\.yaml:3:1: Tabs are not allowed as indentation$/],
  ['a: 1\n---\nb: [1, 2\n', /^web\.yaml:4:1: .*end with a \]$/],
  ['kind: Pod\nkind: Job\n', /^web\.yaml:2:1: Map keys must be unique$/],
  ['kind: Pod\nspec:\n  {{- if x }}\n  a: 1\n', /^web\.yaml:3:5: .* This is a template: render it first/],
  [
    `a: &a [x]\nb: &b [${'*a,'.repeat(99)}]\nc: [${'*b,'.repeat(99)}]\n`,
    /cannot be read: Excessive alias count/,
  ],
])('what is no manifest is refused with file, line and column: %j', (text, message) => {
  expect(() => injectText(text, 'web.yaml', OPTIONS)).toThrow(
    expect.objectContaining({ message: expect.stringMatching(message) }),
  );
});
