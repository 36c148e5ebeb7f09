import { EVENT_REASONS, type EventReason, REASONS, type Reason } from '../../src/api/conditions.ts';
import { type ConditionExample, conditionExamples, eventExamples } from './message-examples.ts';

export type AnyReason = Reason | EventReason;

/** Reasons are grouped by what their conditions or events report. */
const KINDS = ['ready', 'reconciling', 'stalled', 'off', 'Normal', 'Warning'] as const;
type Kind = (typeof KINDS)[number];

/** The text of the page around the examples, in one language. */
export interface MessagesText {
  readonly title: string;
  /** The line with the link to the page in the other language. */
  readonly languages: string;
  readonly introduction: string;
  /** The heading above the reasons of each kind. */
  readonly headings: Readonly<Record<Kind, string>>;
  reason(reason: AnyReason): ReasonText;
}

export interface ReasonText {
  readonly meaning: string;
  /** Empty if there is nothing to do. */
  readonly todo: string;
}

const MEANINGS = { ...REASONS, ...EVENT_REASONS };
const EXAMPLES = { ...conditionExamples, ...eventExamples };

export const english: MessagesText = {
  title: 'Messages',
  languages: 'English | [简体中文](zh/messages.md)',
  introduction: `What \`kubectl describe vsgb NAME\`, \`kubectl vsgb status\` and \`kubectl get events\` show: the group, the backends (five by
name at most), for errors of the cloud API its action, code and request id, and what to do or what happens next. A condition that
reports a problem also emits one Warning event with the same reason and message; \`Recovered\` says that it is over.

Conditions follow [kstatus](https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md):
\`kubectl wait --for=condition=Ready vsgb/NAME\` works. Argo CD and Flux: [gitops.md](gitops.md).`,
  headings: {
    ready: 'Ready True',
    reconciling: 'Ready False, Reconciling True: the operator continues automatically',
    stalled: 'Ready False, Stalled True: nothing continues until someone acts',
    off: 'Ready False: switched off',
    Normal: 'Normal events',
    Warning: 'Other Warning events',
  },
  reason: (reason) => ({ meaning: MEANINGS[reason], todo: EXAMPLES[reason].todo }),
};

/** One section for each reason. The examples come from the code that makes the real messages. */
export function messagesPage(text: MessagesText): string {
  const examples = [
    ...Object.entries(conditionExamples).map(([reason, { example }]) => {
      const shown = example();
      return { reason, kind: kindOf(reason, shown), message: shown.message };
    }),
    ...Object.entries(eventExamples).map(([reason, { type, example }]) => ({
      reason,
      kind: type,
      message: example(),
    })),
  ];
  const sections = KINDS.map((kind) => {
    const reasons = examples.filter((one) => one.kind === kind);
    const parts = reasons.map(({ reason, message }) => {
      const { meaning, todo } = text.reason(reason as AnyReason);
      return [`### ${reason}`, meaning, `> ${message}`, ...(todo === '' ? [] : [todo])].join('\n\n');
    });
    return [`## ${text.headings[kind]}`, ...parts].join('\n\n');
  });
  return `# ${text.title}

${text.languages}

${text.introduction}

${sections.join('\n\n')}
`;
}

function kindOf(
  reason: string,
  { ready, reconciling, stalled, reason: actual }: ReturnType<ConditionExample['example']>,
): Kind {
  if (actual !== reason) throw new Error(`the example of ${reason} is one of ${actual}`);
  if (ready) return 'ready';
  if (stalled) return 'stalled';
  return reconciling ? 'reconciling' : 'off';
}
