import { isDeepStrictEqual } from 'node:util';
import { type Document, LineCounter, type ParsedNode, parseAllDocuments } from 'yaml';
import { type FieldChange, type Path, withChanges } from '../../zero-downtime/field-change.ts';
import { type InjectOptions, planObject } from './plan-object.ts';
import { objectsOf, titleOf } from './pod-template.ts';
import { type Span, SpliceError, splice } from './splice.ts';

export interface Manifests {
  /** The original text with the additions. */
  readonly text: string;
  /** One sentence each, with file, line and object: what was added, what was not, and why. */
  readonly told: readonly string[];
  /** Whether anything still lacks a gate or hold that it should have got. */
  readonly refused: boolean;
  /** The `templatePaths` that led to a pod template. */
  readonly paths: readonly Path[];
}

/**
 * Adds gate and hold to the pod templates in the text of a file: YAML with any number of documents, or JSON. Comments, order, quoting and
 * indentation are preserved. A second run adds nothing. Throws if the text is neither YAML nor JSON.
 */
export function injectText(text: string, file: string, options: InjectOptions): Manifests {
  const parts = partsOf(text, file).map((part) => injectPart(part, options));
  return {
    text: parts.length === 0 ? text : parts.map((part) => part.text).join(''),
    told: parts.flatMap(({ told }) => told),
    refused: parts.some(({ refused }) => refused),
    paths: parts.flatMap(({ paths }) => paths),
  };
}

/** A document with its surrounding text, up to the next document. */
interface Part {
  readonly text: string;
  readonly span: Span;
  readonly document: Document.Parsed;
  readonly value: unknown;
  /** File and line of what is at a path in the document. */
  where(path: Path): string;
}

/** As kubectl reads manifests: with merge keys (`<<`). */
const READ = { keepSourceTokens: true, merge: true } as const;

function partsOf(text: string, file: string): readonly Part[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { ...READ, lineCounter });
  if ('empty' in documents) return [];
  for (const error of documents.flatMap(({ errors }) => errors)) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    const [sentence = ''] = error.message.split(/ at line \d+, column \d+|\n/);
    const isTemplate = (text.split('\n')[line - 1] ?? '').includes('{{');
    const hint = isTemplate ? '. This is a template: render it first, as by helm template' : '';
    throw new Error(`${file}:${line}:${col}: ${sentence}${hint}`);
  }
  return documents.map((document, i) => {
    const span = {
      start: i === 0 ? 0 : document.range[0],
      end: documents[i + 1]?.range[0] ?? text.length,
    };
    const where = (path: Path) => {
      const node = document.getIn(path, true) as ParsedNode | undefined;
      return `${file}:${lineCounter.linePos(node?.range[0] ?? document.contents?.range[0] ?? span.start).line}`;
    };
    try {
      return { text, span, document, value: document.toJS(), where };
    } catch (error) {
      throw new Error(`${where([])}: cannot be read: ${(error as Error).message}`);
    }
  });
}

function injectPart(part: Part, options: InjectOptions): Manifests {
  const plans = objectsOf(part.value).map(({ path, object }) => {
    const plan = planObject(object, options);
    const changes = plan.changes.map((change) => ({ ...change, path: [...path, ...change.path] }));
    return { ...plan, changes, title: `${part.where(path)}: ${titleOf(object)}` };
  });
  const written = write(
    part,
    plans.flatMap(({ changes }) => changes),
  );
  return {
    text: written.text,
    told: plans.flatMap(({ changes, said, title }) => {
      const isLost = written.problem !== undefined && changes.length > 0;
      return (isLost ? [`nothing added: ${written.problem}`] : said).map(
        (sentence) => `${title}: ${sentence}`,
      );
    }),
    refused: written.problem !== undefined || plans.some(({ refused }) => refused),
    paths: plans.flatMap(({ paths }) => paths),
  };
}

/** Parses its own output: unless that is the document with exactly these changes, the text stays as it was. */
function write(
  { text, span, document, value }: Part,
  changes: readonly FieldChange[],
): { readonly text: string; readonly problem?: string } {
  const before = text.slice(span.start, span.end);
  if (changes.length === 0) return { text: before };
  try {
    const written = splice(text, span, document, changes);
    const [read, ...others] = parseAllDocuments(written, READ);
    if (read?.errors.length === 0 && others.length === 0) {
      if (isDeepStrictEqual(read.toJS(), withChanges(value, changes))) return { text: written };
    }
    const problem = 'an anchor or a merge key would carry it elsewhere: write out what they stand for';
    return { text: before, problem };
  } catch (error) {
    if (error instanceof SpliceError) return { text: before, problem: error.message };
    throw error;
  }
}
