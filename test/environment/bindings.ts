import type { KubeApi, KubeObject } from '../../lab/control-plane/api/kube-api.ts';

export const BINDINGS = '/apis/slb.alibabacloud.com/v1beta1/namespaces/default/vservergroupbindings';

/** The minimal spec of a binding. */
export const spec = { vServerGroupId: 'rsp-bp1a', serviceRef: { name: 'web', port: 80 } };

function binding(name: string, change: object = {}) {
  const body = { ...spec, ...change };
  return {
    apiVersion: 'slb.alibabacloud.com/v1beta1',
    kind: 'VServerGroupBinding',
    metadata: { name },
    spec: body,
  };
}

/** Validates strictly, like kubectl: an unknown field is rejected. */
export async function createBinding(api: KubeApi, name: string, change: object = {}): Promise<KubeObject> {
  return await api.create(`${BINDINGS}?fieldValidation=Strict`, binding(name, change));
}
