import { EVENT_REASONS, REASONS } from '../../src/api/conditions.ts';
import { CONDITION_TYPES } from '../../src/api/names.ts';
import { type ConditionExample, conditionExamples, eventExamples } from './message-examples.ts';
import { row, table } from './table.ts';

/** One section for each reason. The examples are made by the code that makes the real ones. */
export function messagesPage(): string {
  const conditions = Object.entries(conditionExamples).map(([reason, { todo, example }]) =>
    section(
      reason,
      REASONS[reason as keyof typeof REASONS],
      typesOf(reason, example()),
      example().message,
      todo,
    ),
  );
  const events = Object.entries(eventExamples).map(([reason, { todo, type, example }]) =>
    section(reason, EVENT_REASONS[reason as keyof typeof EVENT_REASONS], `${type} event`, example(), todo),
  );
  return `# Messages

What a binding's user is told, by \`kubectl describe vsgb NAME\`, \`kubectl vsgb status\` and \`kubectl get events\`. Each message
names the group, the backends (five by name at most) and, when the cloud API had a part in it, its action, code and request
id; it ends with what to do or what happens next. A condition that says that something is wrong is a Warning event of the
same reason and message too, once; the event \`Recovered\` says that it is over.

${table(
  ['condition', 'True means'],
  Object.entries(CONDITION_TYPES).map(([type, meaning]) => row(`\`${type}\``, meaning)),
)}

## Reasons of conditions

${conditions.join('\n\n')}

## Reasons of events alone

${events.join('\n\n')}
`;
}

function typesOf(
  reason: string,
  { ready, reconciling, stalled, reason: actual }: ReturnType<ConditionExample['example']>,
): string {
  if (actual !== reason) throw new Error(`the example of ${reason} is one of ${actual}`);
  const types = [`Ready ${ready ? 'True' : 'False'}`];
  if (reconciling) types.push('Reconciling True');
  if (stalled) types.push('Stalled True');
  return types.join(', ');
}

function section(reason: string, meaning: string, where: string, example: string, todo: string): string {
  return `### ${reason}\n\n${meaning} *(${where})*\n\n> ${example}\n\n${todo}`;
}
