import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { applyFiles } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi } from '../../../lab/control-plane/api/kube-api.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, FINALIZER, GRANTS_ANNOTATION, KIND } from '../../../src/api/names.ts';
import { parseGrants } from '../../../src/membership/grants.ts';
import { grant } from '../../environment/namespace-grants.ts';

const POLICIES = resolve(import.meta.dirname, '../../../deploy/policies');
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const NOT_GRANTED =
  /is not granted (vServer group rsp|load balancer lb)-\S+: see its annotation slb\.alibabacloud\.com\/grants/;
const NOT_EXCLUSIVE =
  /is not granted (vServer group rsp|load balancer lb)-\S+ for ownership Exclusive: see its annotation/;

let env: Environment;

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
}, 120_000);
afterAll(async () => {
  await env?.close();
});

const apply = (name: string) => applyFiles(env.api, [resolve(POLICIES, name)]);

const bindByName = (app: Workloads, name: string, loadBalancerId: string, spec: object = {}) =>
  env.api.create(app.bindings(), {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name },
    spec: { vServerGroup: { loadBalancerId, name: 'web' }, serviceRef: { name: 'web', port: 80 }, ...spec },
  });

/** Waits until the API server rejects this for the given reason. */
async function untilRefused(request: () => Promise<unknown>, why: RegExp): Promise<void> {
  await waitUntil('the policy to be in force', () =>
    request().then(
      () => false,
      (error: Error) => why.test(error.message),
    ),
  );
}

describe('grants.yaml', () => {
  const ONLY = /only who may grant vservergroups\.slb\.alibabacloud\.com may change the annotation/;
  const MALFORMED = /annotation slb\.alibabacloud\.com\/grants: expected ids of vServer groups/;
  /** May write namespaces in every possible way, and everything in its own. */
  let tenant: KubeApi;
  /** Same as the tenant, with the ClusterRole of the file in addition. */
  let granter: KubeApi;
  let app: Workloads;
  let path: string;

  const annotated = (annotation: string | null) => ({
    metadata: { annotations: { [GRANTS_ANNOTATION]: annotation } },
  });

  async function account(name: string, roles: readonly string[]): Promise<KubeApi> {
    await env.api.create(`/api/v1/namespaces/${app.namespace}/serviceaccounts`, { metadata: { name } });
    for (const role of roles)
      await env.api.create(`${RBAC}/clusterrolebindings`, {
        metadata: { name: `${name}-${role}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'ServiceAccount', namespace: app.namespace, name }],
      });
    return await KubeApi.fromKubeconfig(
      await env.controlPlane.kubeconfigForServiceAccount(app.namespace, name),
    );
  }

  beforeAll(async () => {
    await apply('grants.yaml');
    app = await env.createNamespace('granted');
    path = `/api/v1/namespaces/${app.namespace}`;
    await env.api.create(`${RBAC}/clusterroles`, {
      metadata: { name: 'namespaces' },
      rules: [
        {
          apiGroups: [''],
          resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
          verbs: ['get', 'create', 'update', 'patch'],
        },
      ],
    });
    // admin has all verbs on vservergroupbindings, but none of them is the right to grant groups.
    tenant = await account('tenant', ['namespaces', 'admin']);
    granter = await account('granter', ['namespaces', 'vservergroup-granter']);
    let probes = 0;
    await untilRefused(() => tenant.patch(path, annotated(`rsp-${++probes}`)), ONLY);
    await env.api.patch(path, annotated(null));
  }, 60_000);

  afterAll(async () => {
    await Promise.all([tenant?.close(), granter?.close()]);
  });

  test('a cluster administrator writes the grants, and so does who has the ClusterRole', async () => {
    await env.api.patch(path, annotated('rsp-1, lb-2:Exclusive\nrsp-3'));
    await granter.patch(path, annotated('rsp-1 lb-2'));
    expect((await env.api.get(path)).metadata.annotations).toMatchObject({
      [GRANTS_ANNOTATION]: 'rsp-1 lb-2',
    });
  });

  test('nobody else: not a change, not a removal, not by status or finalizers, not with a new namespace', async () => {
    await expect(tenant.patch(path, annotated('rsp-1 lb-2 rsp-mine'))).rejects.toThrow(ONLY);
    await expect(tenant.patch(path, annotated(null))).rejects.toThrow(ONLY);
    await expect(tenant.patch(`${path}/status`, annotated('rsp-mine'))).rejects.toThrow(ONLY);
    const object = await tenant.get(path);
    const metadata = { ...object.metadata, ...annotated('rsp-mine').metadata };
    await expect(tenant.replace(`${path}/finalize`, { ...object, metadata })).rejects.toThrow(ONLY);
    const another = { metadata: { name: 'another', ...annotated('rsp-mine').metadata } };
    await expect(tenant.create('/api/v1/namespaces', another)).rejects.toThrow(ONLY);
  });

  test('they may write all else of a namespace, grants or not', async () => {
    await tenant.patch(path, { metadata: { labels: { team: 'web' }, annotations: { note: 'ours' } } });
    await tenant.create('/api/v1/namespaces', { metadata: { name: 'plain' } });
  });

  test.each(['rsp-1 rsp_2', 'rsp-1:exclusive', 'all', 'rsp-1\trsp-2', 'lb-*'])(
    'an annotation that the operator could not read is refused: %j',
    async (annotation) => {
      expect(parseGrants(annotation).unreadable).not.toEqual([]);
      await expect(env.api.patch(path, annotated(annotation))).rejects.toThrow(MALFORMED);
    },
  );

  test.each(['', 'rsp-1', 'rsp-1:Exclusive,lb-1', '\nrsp-1\n  lb-2,\n'])(
    'one that it can read is taken: %j',
    async (annotation) => {
      expect(parseGrants(annotation).unreadable).toEqual([]);
      await env.api.patch(path, annotated(annotation));
    },
  );

  test('a namespace with grants can be deleted', async () => {
    const gone = await env.createNamespace('gone');
    await grant(gone, 'rsp-1');
    await env.api.delete(`/api/v1/namespaces/${gone.namespace}`);
    await waitUntil(
      'it to be gone',
      async () => !(await env.api.find(`/api/v1/namespaces/${gone.namespace}`)),
    );
  });
});

describe('granted-groups.yaml', () => {
  let app: Workloads;

  beforeAll(async () => {
    await apply('granted-groups.yaml');
    app = await env.createNamespace('bound');
    await untilRefused(() => app.bind('probe', 'rsp-1').then(() => app.deleteBinding('probe')), NOT_GRANTED);
  }, 60_000);

  test('a binding is created for a group that the namespace lists, and for no other', async () => {
    await grant(app, 'rsp-1,rsp-2:Exclusive');
    await app.bind('one', 'rsp-1');
    await app.bind('two', 'rsp-2');
    await expect(app.bind('three', 'rsp-3')).rejects.toThrow(NOT_GRANTED);
    await expect(app.bind('part', 'rsp-11')).rejects.toThrow(NOT_GRANTED);
  });

  test('where a load balancer is granted the operator decides', async () => {
    await grant(app, 'lb-1');
    await app.bind('four', 'rsp-4');
  });

  test('a group by its name goes by its load balancer; where groups are listed the operator decides', async () => {
    await grant(app, 'lb-1');
    await bindByName(app, 'named', 'lb-1');
    await expect(bindByName(app, 'other', 'lb-2')).rejects.toThrow(NOT_GRANTED);
    await grant(app, null);
    await expect(bindByName(app, 'none', 'lb-1')).rejects.toThrow(NOT_GRANTED);
    await grant(app, 'rsp-1');
    await bindByName(app, 'open', 'lb-2');
  });

  test('a binding whose grant is withdrawn can be changed and deleted', async () => {
    await grant(app, null);
    await app.patchBinding('one', { spec: { weight: 5 }, metadata: { finalizers: [FINALIZER] } });
    await app.patchBinding('one', { metadata: { finalizers: null } });
    await app.deleteBinding('one');
  });
});

describe('exclusive.yaml', () => {
  let app: Workloads;
  const exclusive = { ownership: 'Exclusive' };

  beforeAll(async () => {
    await apply('exclusive.yaml');
    app = await env.createNamespace('exclusive');
    await grant(app, 'rsp-1 rsp-2:Exclusive');
    await untilRefused(
      () => app.bind('probe', 'rsp-1', exclusive).then(() => app.deleteBinding('probe')),
      NOT_EXCLUSIVE,
    );
  }, 60_000);

  test('ownership Exclusive needs a grant with :Exclusive, from the start and later', async () => {
    await app.bind('one', 'rsp-1');
    await expect(app.patchBinding('one', { spec: exclusive })).rejects.toThrow(NOT_EXCLUSIVE);
    await app.bind('two', 'rsp-2');
    await app.patchBinding('two', { spec: exclusive });
    await grant(app, 'rsp-1 lb-1:Exclusive');
    await app.patchBinding('one', { spec: exclusive });
  });

  test('by its name, with the load balancer', async () => {
    await grant(app, 'lb-1:Exclusive lb-2 rsp-1');
    await bindByName(app, 'named', 'lb-1', exclusive);
    await expect(bindByName(app, 'other', 'lb-2', exclusive)).rejects.toThrow(NOT_EXCLUSIVE);
  });

  test('one that is Exclusive already can be changed and deleted, whatever becomes of the grant', async () => {
    await grant(app, null);
    await app.patchBinding('two', { spec: { weight: 5 }, metadata: { finalizers: [FINALIZER] } });
    await app.patchBinding('two', { spec: { ownership: 'Shared' } });
    await expect(app.patchBinding('two', { spec: exclusive })).rejects.toThrow(NOT_EXCLUSIVE);
    await app.patchBinding('two', { metadata: { finalizers: null } });
    await app.deleteBinding('two');
  });
});
