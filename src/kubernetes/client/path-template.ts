/** `/api/v1/namespaces/shop/services/web` → `/api/v1/namespaces/{namespace}/services/{name}`: as many values as there are kinds. */
export function pathTemplate(path: string): string {
  const parts = path.split('/');
  const root = parts[1] === 'api' ? 3 : parts[1] === 'apis' ? 4 : undefined;
  if (root === undefined || parts.length <= root) return path;
  const rest = parts.slice(root);
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2;
  if (inNamespace) rest[1] = '{namespace}';
  const name = inNamespace ? 3 : 1;
  if (rest[name] !== undefined) rest[name] = '{name}';
  return [...parts.slice(0, root), ...rest].join('/');
}
