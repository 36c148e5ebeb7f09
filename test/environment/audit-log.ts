import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** One request as the API server's authorizer saw it. */
export interface AuditedRequest {
  readonly verb: string;
  /** `resource.group`, or `resource` for the core group, followed by a slash and any subresource; otherwise the path. */
  readonly target: string;
  readonly name: string | undefined;
  readonly status: number;
  readonly allowed: boolean;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The audit log of one user's requests to an API server that was started with `apiServerFlags`. */
export class AuditLog {
  readonly #dir = mkdtempSync(join(tmpdir(), 'audit-'));
  readonly #log = join(this.#dir, 'log');
  readonly apiServerFlags: readonly string[];

  constructor(user: string) {
    const policyFile = join(this.#dir, 'policy.yaml');
    const policy = {
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
    };
    writeFileSync(policyFile, stringify(policy));
    this.apiServerFlags = [`--audit-policy-file=${policyFile}`, `--audit-log-path=${this.#log}`];
  }

  async requests(): Promise<readonly AuditedRequest[]> {
    const lines = (await readFile(this.#log, 'utf8')).split('\n');
    return lines.filter((line) => line.endsWith('}')).map((line) => requestOf(JSON.parse(line)));
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function requestOf({ verb, requestURI, objectRef, responseStatus, annotations }: AuditEvent): AuditedRequest {
  const status = responseStatus?.code ?? 0;
  const allowed = annotations?.['authorization.k8s.io/decision'] === 'allow';
  if (objectRef?.resource === undefined)
    return { verb, target: requestURI, name: undefined, status, allowed };
  const { apiGroup = '', resource, subresource, name } = objectRef;
  return { verb, target: targetOf(apiGroup, resource, subresource), name, status, allowed };
}

export function targetOf(apiGroup: string, resource: string, subresource?: string): string {
  const [plural, sub = subresource] = resource.split('/');
  return `${plural}${apiGroup && `.${apiGroup}`}${sub === undefined ? '' : `/${sub}`}`;
}
