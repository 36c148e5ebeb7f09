const { default: Visitor } = require('@swc/core/Visitor.js');

// swc's visitor, by which imports are found, gives up at `await using`.
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  this.visitVariableDeclarators(statement.decls);
  return statement;
};

/** The direction of dependencies (docs/architecture.md): main → controller → {membership, kubernetes, alibaba}. */
module.exports = {
  forbidden: [
    {
      name: 'membership-is-pure',
      comment: 'membership decides over plain data: it imports nothing but itself and types of src/api',
      severity: 'error',
      from: { path: '^src/membership/' },
      to: { pathNot: '^src/(membership/|api/names\\.ts)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'membership-knows-only-api-types',
      severity: 'error',
      from: { path: '^src/membership/' },
      to: { pathNot: '^src/(membership|api)/' },
    },
    {
      name: 'api-is-a-leaf',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^src/(?!api/|clock\\.ts)' },
    },
    {
      name: 'observability-is-a-leaf',
      severity: 'error',
      from: { path: '^src/observability/' },
      to: { path: '^src/(?!observability/|(clock|mounted-secret)\\.ts)' },
    },
    {
      name: 'kubernetes-knows-no-cloud-and-no-decision',
      severity: 'error',
      from: { path: '^src/kubernetes/' },
      to: { path: '^src/(?!kubernetes/|(api/names|backoff|clock|json)\\.ts)' },
    },
    {
      name: 'alibaba-knows-no-cluster-and-no-decision',
      severity: 'error',
      from: { path: '^src/alibaba/' },
      to: {
        path: '^src/(?!(alibaba|cloud)/|(api/conditions|api/names|membership/backend|backoff|clock|json|mounted-secret)\\.ts)',
      },
    },
    {
      name: 'cloud-is-what-the-controller-knows-of-one',
      comment: 'plain types and one error: over rows and reasons',
      severity: 'error',
      from: { path: '^src/cloud/' },
      to: { path: '^src/(?!cloud/|api/conditions\\.ts|membership/backend\\.ts|clock\\.ts)' },
    },
    {
      name: 'controller-knows-no-cloud-but-the-port',
      severity: 'error',
      from: { path: '^src/controller/' },
      to: { path: '^src/alibaba/' },
    },
    {
      name: 'controller-does-not-compose',
      severity: 'error',
      from: { path: '^src/controller/' },
      to: { path: '^src/(main|config)\\.ts$' },
    },
    {
      name: 'plugin-is-a-program-of-its-own',
      severity: 'error',
      from: { path: '^src/(?!plugin/)' },
      to: { path: '^src/plugin/' },
    },
    {
      name: 'product-never-imports-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts|lab|simulator)/' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle of types alone is none at run time',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
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
