import { REASONS } from '../../src/api/conditions.ts';
import { CONDITION_TYPES } from '../../src/api/names.ts';
import { row, table } from './table.ts';

export function conditionsPage(): string {
  const rows = (meanings: Readonly<Record<string, string>>) =>
    Object.entries(meanings).map(([word, meaning]) => row(`\`${word}\``, meaning));
  return `# Conditions

The status of a binding follows [kstatus](https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
\`kubectl wait --for=condition=Ready vsgb/NAME\` goes by it. Argo CD needs a health check for the kind, and Flux expressions
where a suspended binding, or one in a dry run, is to end a wait: [gitops.md](gitops.md) has both.

${table(['condition', 'True means'], rows(CONDITION_TYPES))}

${table(['reason', 'meaning'], rows(REASONS))}
`;
}
