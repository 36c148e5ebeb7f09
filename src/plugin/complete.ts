import { API_VERSION, PLURAL } from '../api/names.ts';
import { boolean } from '../config/values.ts';
import { asArray, asObject, asString } from '../json.ts';
import { METADATA_LIST } from '../kubernetes/client/call.ts';
import { metadata } from '../kubernetes/objects/metadata.ts';
import { namespaced, paths } from '../kubernetes/objects/objects.ts';
import type { Cluster, Command } from './command.ts';
import { flagOf, nameOf, type PluginFlag } from './flags.ts';

/** How long pressing Tab may wait for the API server. */
const PATIENCE_MS = 2_000;
const MOST_NAMES = 500;

/** Names from the cluster; only listed if one of them can appear at this position. */
export interface Names {
  list(what: 'bindings' | 'nodes' | 'pods' | 'namespaces'): Promise<readonly string[]>;
}

/** Candidates for the last of the words. The shell filters them by the prefix typed so far. */
export async function completionsFor(
  words: readonly string[],
  commands: readonly Command[],
  names: Names,
): Promise<readonly string[]> {
  const [name, ...rest] = words;
  if (rest.length === 0) return [...commands.map((command) => command.name), '--help', '--version'];
  const command = commands.find((one) => one.name === name);
  if (command === undefined) return [];
  const last = rest.at(-1) ?? '';
  const flag = flagNamed(command, rest.at(-2));
  if (flag !== undefined && flagOf(flag).kind !== boolean) return valuesOf(flag, names);
  if (last.startsWith('-')) return [...command.flags.map(nameOf), '--help'];
  if (argumentsIn(command, rest.slice(0, -1)) >= command.most) return [];
  const { completes } = command;
  if (completes === undefined) return [];
  return typeof completes === 'string' ? await names.list(completes) : completes;
}

function flagNamed({ flags }: Command, word: string | undefined): PluginFlag | undefined {
  return flags.find((flag) => word === nameOf(flag) || word === `-${flagOf(flag).short}`);
}

async function valuesOf(flag: PluginFlag, names: Names): Promise<readonly string[]> {
  if (flag === 'namespace') return await names.list('namespaces');
  const { placeholder } = flagOf(flag).kind;
  return placeholder.includes('|') ? placeholder.split('|') : [];
}

function argumentsIn(command: Command, words: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!word.startsWith('-')) count++;
    const flag = flagNamed(command, word);
    if (flag !== undefined && flagOf(flag).kind !== boolean) i++;
  }
  return count;
}

/** Names from the kubeconfig's cluster. Empty if the cluster does not answer, because completion must not print errors. */
export function namesOf(connect: () => Cluster, namespace: string | undefined): Names {
  return {
    async list(what) {
      try {
        const { transport, namespace: usual } = connect();
        const collections = {
          nodes: paths.nodes(),
          pods: paths.pods(namespace ?? usual),
          namespaces: '/api/v1/namespaces',
          bindings: namespaced(`/apis/${API_VERSION}`, PLURAL, namespace ?? usual),
        };
        const answer = await transport.request('GET', collections[what], {
          query: { limit: MOST_NAMES },
          accept: METADATA_LIST,
          timeoutMs: PATIENCE_MS,
        });
        return asArray(asObject(answer)['items']).map((item) => asString(metadata(item)['name']));
      } catch {
        return [];
      }
    },
  };
}
