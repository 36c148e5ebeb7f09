import { EVENT_REASONS, type EventReason, REASONS, type Reason } from '../../src/api/conditions.ts';
import { CONDITION_TYPES, type ConditionType } from '../../src/api/names.ts';
import { type ConditionExample, conditionExamples, eventExamples } from './message-examples.ts';
import { row, table } from './table.ts';

export type AnyReason = Reason | EventReason;

/** What the page says around the examples, in one language. */
export interface MessagesText {
  readonly title: string;
  /** The line that leads to the page in the other language. */
  readonly languages: string;
  readonly introduction: string;
  readonly columns: readonly [condition: string, meaning: string];
  readonly conditionTypes: Readonly<Record<ConditionType, string>>;
  readonly ofConditions: string;
  readonly ofEvents: string;
  reason(reason: AnyReason): ReasonText;
  event(type: 'Normal' | 'Warning'): string;
}

export interface ReasonText {
  readonly meaning: string;
  readonly todo: string;
}

const MEANINGS = { ...REASONS, ...EVENT_REASONS };
const EXAMPLES = { ...conditionExamples, ...eventExamples };

export const english: MessagesText = {
  title: 'Messages',
  languages: 'English | [简体中文](zh/messages.md)',
  introduction: `What a binding's user is told, by \`kubectl describe vsgb NAME\`, \`kubectl vsgb status\` and \`kubectl get events\`. Each message
names the group, the backends (five by name at most) and, when the cloud API had a part in it, its action, code and request
id; it ends with what to do or what happens next. A condition that says that something is wrong is a Warning event of the
same reason and message too, once; the event \`Recovered\` says that it is over.`,
  columns: ['condition', 'True means'],
  conditionTypes: CONDITION_TYPES,
  ofConditions: 'Reasons of conditions',
  ofEvents: 'Reasons of events alone',
  reason: (reason) => ({ meaning: MEANINGS[reason], todo: EXAMPLES[reason].todo }),
  event: (type) => `${type} event`,
};

/** One section for each reason. The examples are made by the code that makes the real ones. */
export function messagesPage(text: MessagesText): string {
  const section = (reason: string, where: string, example: string) => {
    const { meaning, todo } = text.reason(reason as AnyReason);
    return `### ${reason}\n\n${meaning} *(${where})*\n\n> ${example}\n\n${todo}`;
  };
  const conditions = Object.entries(conditionExamples).map(([reason, { example }]) =>
    section(reason, typesOf(reason, example()), example().message),
  );
  const events = Object.entries(eventExamples).map(([reason, { type, example }]) =>
    section(reason, text.event(type), example()),
  );
  return `# ${text.title}

${text.languages}

${text.introduction}

${table(
  [...text.columns],
  Object.entries(text.conditionTypes).map(([type, meaning]) => row(`\`${type}\``, meaning)),
)}

## ${text.ofConditions}

${conditions.join('\n\n')}

## ${text.ofEvents}

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
