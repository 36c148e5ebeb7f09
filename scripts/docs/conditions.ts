import { REASONS } from '../../src/api/conditions.ts';
import { CONDITION_TYPES } from '../../src/api/names.ts';
import { row, table } from './table.ts';

export function conditionsPage(): string {
  const rows = (meanings: Readonly<Record<string, string>>) =>
    Object.entries(meanings).map(([word, meaning]) => row(`\`${word}\``, meaning));
  return `# Conditions

The status of a binding follows kstatus: \`kubectl wait --for=condition=Ready vsgb/NAME\` and tools as Argo CD and Flux
understand it.

${table(['condition', 'True means'], rows(CONDITION_TYPES))}

${table(['reason', 'meaning'], rows(REASONS))}
`;
}
