import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type Cluster, KubeConfig, makeAbsolutePath, type User } from '@kubernetes/client-node';
import { parseDocument } from 'yaml';
import { asArray, asObject, asString, isObject, type JsonObject } from '../../json.ts';

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Says in one sentence for the user why there is no usable configuration. Never quotes the file, which contains credentials. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
}

interface CheckedUser extends User {
  /** A field that client-node ignores, as `as-groups`: calls would be made with other rights than the user's. */
  readonly unsupported?: string | undefined;
}

export interface KubeConfigSources {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly home?: string;
  readonly serviceAccountToken?: string;
  /** Overrides the current context. */
  readonly context?: string | undefined;
}

/** Loads the given file, else those in KUBECONFIG, else the pod's service account, else ~/.kube/config: kubectl's order. */
export function loadKubeConfig(file?: string, sources: KubeConfigSources = {}): KubeConfig {
  const env = sources.env ?? process.env;
  const using = (config: KubeConfig, source: string) => checked(config, source, sources.context);
  if (file !== undefined) return using(merged([file]), file);
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((name) => name !== '');
  if (named.length > 0) {
    // As with kubectl, some of the files may be missing.
    const files = named.filter((name) => existsSync(name));
    if (files.length === 0) throw new KubeConfigError(`KUBECONFIG: ${named.join(delimiter)} is not there`);
    return using(merged(files), files.join(delimiter));
  }
  if (env['KUBERNETES_SERVICE_HOST'] && existsSync(sources.serviceAccountToken ?? SERVICE_ACCOUNT_TOKEN)) {
    const inCluster = new KubeConfig();
    inCluster.loadFromCluster();
    return using(inCluster, 'the service account');
  }
  const usual = join(sources.home ?? homedir(), '.kube', 'config');
  if (existsSync(usual)) return using(merged([usual]), usual);
  throw new KubeConfigError(
    'no Kubernetes API to talk to: give --kubeconfig or KUBECONFIG, or run in a pod with a service account',
  );
}

/** The first file to set a value or to have a name wins, as with kubectl. client-node's own merge refuses a name that is there. */
function merged(files: readonly string[]): KubeConfig {
  const config = new KubeConfig();
  for (const { clusters, users, contexts, currentContext } of files.map(readOne)) {
    config.clusters = withOthers(config.clusters, clusters);
    config.users = withOthers(config.users, users);
    config.contexts = withOthers(config.contexts, contexts);
    config.currentContext ||= currentContext;
  }
  return config;
}

function withOthers<T extends { readonly name: string }>(known: readonly T[], more: readonly T[]): T[] {
  const names = new Set(known.map(({ name }) => name));
  return [...known, ...more.filter(({ name }) => !names.has(name))];
}

function readOne(file: string): KubeConfig {
  const config = new KubeConfig();
  const { text, users } = read(file);
  try {
    config.loadFromString(text);
  } catch (error) {
    throw new KubeConfigError(`kubeconfig ${file}: ${messageOf(error)}`);
  }
  config.makePathsAbsolute(dirname(file));
  config.users = config.users.map((user, i) => completed(user, dirname(file), asObject(users[i])));
  return config;
}

/** client-node does not support `tokenFile` of kubeconfigs, which goes before `token`, only its own name for it. */
function completed(user: User, folder: string, given: JsonObject): CheckedUser {
  const unsupported = Object.keys(given).find((field) => field.startsWith('as-'));
  const tokenFile = asString(given['tokenFile']);
  if (tokenFile === '') return { ...user, unsupported };
  const config = { tokenFile: makeAbsolutePath(folder, tokenFile) };
  return { ...user, unsupported, token: '', authProvider: { name: 'tokenFile', config } };
}

/** `users`: their `user`, in the order of the file. */
function read(file: string): { text: string; users: readonly unknown[] } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new KubeConfigError(`kubeconfig ${file} cannot be read: ${codeOf(error)}`);
  }
  // client-node's own YAML errors quote the lines around the mistake, which may contain tokens and keys.
  const document = parseDocument(text, { prettyErrors: false });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const line = text.slice(0, mistake.pos[0]).split('\n').length;
    throw new KubeConfigError(`kubeconfig ${file} is not YAML: ${mistake.code} in line ${line}`);
  }
  const content: unknown = document.toJS();
  // As with kubectl, an empty file is a kubeconfig that sets nothing.
  if (content === null) return { text: '{}', users: [] };
  if (!isObject(content)) throw new KubeConfigError(`kubeconfig ${file} is not a kubeconfig`);
  return { text, users: asArray(content['users']).map((entry) => asObject(entry)['user']) };
}

function checked(config: KubeConfig, source: string, chosen: string | undefined): KubeConfig {
  if (chosen !== undefined) config.setCurrentContext(chosen);
  const name = config.getCurrentContext();
  if (!name) throw new KubeConfigError(`kubeconfig ${source} has no current-context`);
  const context = config.getContextObject(name);
  if (context === null) {
    const origin = chosen === undefined ? 'its current-context' : 'which was asked for';
    throw new KubeConfigError(`kubeconfig ${source} has no context ${name}, ${origin}`);
  }
  const cluster = config.getCluster(context.cluster);
  if (cluster === null) {
    throw new KubeConfigError(
      `kubeconfig ${source} has no cluster ${context.cluster}, which context ${name} names`,
    );
  }
  const user: CheckedUser | null = config.getUser(context.user);
  if (context.user && user === null) {
    throw new KubeConfigError(
      `kubeconfig ${source} has no user ${context.user}, which context ${name} names`,
    );
  }
  if (user?.unsupported !== undefined) {
    throw new KubeConfigError(
      `kubeconfig ${source}, user ${context.user}: ${user.unsupported} is not supported`,
    );
  }
  checkUrls(cluster, source);
  return config;
}

function checkUrls(cluster: Cluster, source: string): void {
  const where = `kubeconfig ${source}, cluster ${cluster.name}`;
  if (!/^https?:\/\//.test(cluster.server) || !URL.canParse(cluster.server)) {
    throw new KubeConfigError(`${where}: server is not an http(s) URL`);
  }
  const proxy = cluster.proxyUrl;
  if (proxy && !(/^(https?|socks5h?):\/\//.test(proxy) && URL.canParse(proxy))) {
    throw new KubeConfigError(`${where}: proxy-url is not an http, https or socks5 URL`);
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code ?? 'unknown error');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
