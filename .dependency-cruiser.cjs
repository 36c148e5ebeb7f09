const { default: Visitor } = require('@swc/core/Visitor.js');

// swc's visitor, by which imports are found, gives up at `await using`.
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  this.visitVariableDeclarators(statement.decls);
  return statement;
};

/** What every layer may use: names, and helpers that know nothing of clouds and clusters. */
const LEAVES = [
  'src/api/names',
  'src/backoff',
  'src/clock',
  'src/forget-oldest',
  'src/json',
  'src/mounted-secret',
  'src/redact',
  'src/version',
];

/** The leaves, and these. */
const to = (...rooms) => [...LEAVES, ...rooms];

/**
 * What each room, a folder or file, may import besides itself: an arrow that is not here is refused, one of types alone
 * too. A file is in the narrowest room that it fits; one that fits none may import nothing of ours.
 */
const MAY_IMPORT = {
  ...Object.fromEntries(LEAVES.map((leaf) => [leaf, LEAVES])),
  'src/api': to(),

  'src/membership': ['src/api/names'],
  'src/membership/desired': ['src/api/names', 'src/membership/backend'],
  'src/membership/plan': ['src/api/names', 'src/membership/backend', 'src/membership/desired'],

  'src/kubernetes/objects': to(),
  'src/kubernetes/client': to(),
  'src/kubernetes/informer': to('src/kubernetes/client', 'src/kubernetes/objects'),
  'src/kubernetes/queue': to('src/kubernetes/client'),
  'src/kubernetes/write': to('src/kubernetes/client', 'src/kubernetes/objects'),
  'src/kubernetes/election': to('src/kubernetes/client', 'src/kubernetes/objects'),

  'src/cloud': to('src/api/conditions', 'src/membership/backend'),
  'src/alibaba': to('src/api/conditions', 'src/membership/backend', 'src/cloud'),

  'src/controller/cluster': to('src/api', 'src/membership', 'src/kubernetes', 'src/cloud/group-ref'),
  'src/controller': to('src/api', 'src/membership', 'src/zero-downtime', 'src/kubernetes', 'src/cloud'),

  'src/config': to('src/api'),
  'src/observability': to(),
  'src/operator': to(
    ...['src/api', 'src/config', 'src/membership', 'src/controller', 'src/kubernetes', 'src/cloud'],
    ...['src/alibaba', 'src/observability', 'src/zero-downtime', 'src/webhook'],
  ),
  'src/main': to('src/config', 'src/kubernetes', 'src/alibaba', 'src/observability', 'src/operator'),

  'src/zero-downtime': to('src/api/vservergroupbinding', 'src/kubernetes/objects/hold'),
  'src/webhook': to(
    ...['src/kubernetes', 'src/membership/desired/label-selector', 'src/zero-downtime'],
    ...['src/observability/listening', 'src/observability/tls-files'],
  ),

  'src/plugin/inject': to('src/zero-downtime'),
  'src/plugin/output': to(),
  'src/plugin': to(
    ...['src/api', 'src/config', 'src/membership', 'src/controller', 'src/kubernetes', 'src/cloud'],
    ...['src/alibaba', 'src/zero-downtime'],
  ),

  'simulator/data-plane': ['simulator/state'],
  simulator: [],
  'lab/time': ['src/clock'],
  'lab/control-plane': ['lab/time'],
  'lab/nodes': ['lab/time', 'lab/control-plane'],
  'lab/cluster': ['lab/time', 'lab/control-plane', 'lab/nodes'],
  'lab/report': [],
  'lab/compatibility': ['lab/control-plane', 'lab/report'],
  'lab/environment': to('src/api', 'simulator', 'lab/time', 'lab/control-plane'),
  'lab/demo': to(
    ...['src/api', 'simulator', 'lab/time', 'lab/control-plane', 'lab/environment', 'lab/nodes'],
    'lab/traffic',
  ),
  'lab/bench': to(
    ...['src/api', 'src/membership', 'src/cloud', 'src/alibaba'],
    ...['simulator', 'lab/time', 'lab/report', 'lab/control-plane', 'lab/environment'],
  ),
  'lab/traffic': to(
    ...['src/zero-downtime', 'simulator', 'lab/time', 'lab/report', 'lab/control-plane', 'lab/environment'],
    'lab/nodes',
  ),
  scripts: ['src'],
  test: ['src', 'simulator', 'lab', 'scripts'],
};

/** These decide over plain data: they import nothing at run time but each other, not even of Node. */
const PURE = ['src/membership'];

const OURS = ['src', 'simulator', 'lab', 'scripts', 'test'];

const within = (rooms) => `^(${rooms.join('|')})(/|\\.[jt]s$)`;

const allowed = Object.entries(MAY_IMPORT).map(([room, others]) => {
  const narrower = Object.keys(MAY_IMPORT).filter((other) => other.startsWith(`${room}/`));
  return {
    from: { path: within([room]), ...(narrower.length > 0 && { pathNot: within(narrower) }) },
    to: { path: within([room, ...others]) },
  };
});

module.exports = {
  allowed: [...allowed, { from: {}, to: { pathNot: within(OURS) } }],
  allowedSeverity: 'error',
  forbidden: [
    {
      name: 'pure',
      severity: 'error',
      from: { path: within(PURE) },
      to: { pathNot: within(OURS), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      comment: 'one of types alone is none at run time, but can be read in no order either',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: '\\.d\\.ts$|^scripts/|main\\.ts$' },
      to: {},
    },
    {
      name: 'no-dev-dependency-in-the-product',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
