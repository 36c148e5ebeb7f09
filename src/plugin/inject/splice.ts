import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { FieldChange, Path } from '../../zero-downtime/field-change.ts';
import { breakIn, columnOf, type Layout, layoutOf } from './layout.ts';

/** The text is written in a form that the change cannot be spliced into. The message is half a sentence. */
export class SpliceError extends Error {
  override readonly name = 'SpliceError';
}

/** Replaces a span of the text; the span is empty for an insertion. */
interface Edit extends Span {
  readonly text: string;
  /** Of two insertions after the same line, the one with the larger column goes first: it belongs to the collection that ends there. */
  readonly column: number;
}

/** `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the span that a document was parsed from (with keepSourceTokens), with the changes written into it and everything else untouched.
 * An added key becomes the last of its map. The caller must check that the result parses as intended: an anchor may have carried a change
 * to other places.
 */
export function splice(
  text: string,
  span: Span,
  document: Document.Parsed,
  changes: readonly FieldChange[],
): string {
  const source = { text, layout: layoutOf(text, document) };
  const edits = changes
    .map(({ path, value }) => editOf(source, document.contents, path, value))
    .sort((a, b) => a.start - b.start || b.column - a.column);
  let done = '';
  let at = span.start;
  for (const edit of edits) {
    done += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return done + text.slice(at, span.end);
}

interface Source {
  readonly text: string;
  readonly layout: Layout;
}

/** `lineBreak`: the one before the items of the flow collection around the node (breakIn). */
function editOf(
  source: Source,
  node: ParsedNode | null,
  path: Path,
  value: unknown,
  lineBreak?: string,
): Edit {
  const [key, ...rest] = path;
  if (isAlias(node)) throw new SpliceError(`*${node.source} is an alias of what has to change: write it out`);
  if (key === undefined || (isScalar(node) && node.value === null))
    return replace(source, node, nested(path, value), lineBreak);
  const below = isCollection(node) ? breakIn(source.text, node) : undefined;
  if (isSeq(node)) {
    const item = node.items[Number(key)];
    return item === undefined
      ? append(source, node, nested(rest, value), lineBreak)
      : editOf(source, item as ParsedNode, rest, value, below);
  }
  if (!isMap(node)) throw new SpliceError(`${String(key)} cannot be set in what is not a map`);
  const pair = node.items.find((each) => isScalar(each.key) && each.key.value === key);
  if (pair === undefined) return append(source, node, { [key]: nested(rest, value) }, lineBreak);
  return editOf(source, pair.value as ParsedNode | null, rest, value, below);
}

/** E.g. `{ a: { b: value } }` for the path a, b. */
function nested(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>(
    (below, key) => (typeof key === 'number' ? [below] : { [key]: below }),
    value,
  );
}

function replace(
  { text, layout }: Source,
  node: ParsedNode | null,
  value: unknown,
  lineBreak: string | undefined,
): Edit {
  if (node === null) throw new SpliceError('a key has no colon behind it: write it as `key: value`');
  const [start, end] = node.range;
  const written = flow(value, layout, lineBreak);
  if (start !== end) return { start, end, text: written, column: 0 };
  // An empty value, maybe followed by a comment: the new value goes right after the colon.
  const at = text.slice(0, start).trimEnd().length;
  return { start: at, end: at, text: ` ${written}`, column: 0 };
}

/** Appends a pair to a map or an item to a list. */
function append(
  source: Source,
  collection: YAMLMap | YAMLSeq,
  value: unknown,
  lineBreak: string | undefined,
): Edit {
  if (collection.flow) return appendToFlow(source, collection, value, lineBreak);
  const { text, layout } = source;
  const column = columnOf(text, collection);
  const lines = (isMap(collection) ? blockPair(value, layout) : block([value], layout)).map(
    (line) => ' '.repeat(column) + line,
  );
  const last = lastOf(collection);
  const end = last.range?.[1] ?? 0;
  const newline = text[end - 1] === '\n' ? end - 1 : text.indexOf('\n', end);
  if (newline === -1 && isScalar(last) && last.type?.startsWith('BLOCK_'))
    throw new SpliceError('the text ends within a block scalar: end its last line');
  const at = newline === -1 ? text.length : newline + 1;
  const eol = eolBefore(text, at);
  const added = lines.join(eol);
  return { start: at, end: at, text: newline === -1 ? eol + added : added + eol, column };
}

/** The lines of a map with a single pair. */
function blockPair(map: unknown, layout: Layout): readonly string[] {
  const [[key = '', value] = []] = Object.entries(map as object);
  if (!Array.isArray(value)) return block(map, layout);
  return [`${key}:`, ...block(value, layout).map((line) => layout.seqStep + line)];
}

function block(value: unknown, { step }: Layout): readonly string[] {
  return stringify(value, { indent: step.length, lineWidth: 0 }).trimEnd().split('\n');
}

function appendToFlow(
  { text, layout }: Source,
  collection: YAMLMap | YAMLSeq,
  value: unknown,
  around: string | undefined,
): Edit {
  const [start = 0] = collection.range ?? [];
  const last = collection.items.at(-1) as Pair | ParsedNode | undefined;
  const at = last === undefined ? start + 1 : (lastOf(last).range?.[1] ?? 0);
  const added = (spaced: string): Edit => ({ start: at, end: at, text: spaced, column: 0 });
  if (last !== undefined) {
    const within = breakIn(text, collection);
    return added(`,${within ?? (layout.json ? '' : ' ')}${flowItem(collection, value, layout, within)}`);
  }
  if (!layout.json || around === undefined) return added(flowItem(collection, value, layout, undefined));
  const within = around + layout.step;
  return added(within + flowItem(collection, value, layout, within) + around);
}

/** Formats an item of a list; of a map, one with a single pair, as that pair. */
function flowItem(
  collection: YAMLMap | YAMLSeq,
  value: unknown,
  layout: Layout,
  lineBreak: string | undefined,
): string {
  if (isSeq(collection)) return flow(value, layout, lineBreak);
  const [[key = '', below] = []] = Object.entries(value as object);
  const colon = layout.json && lineBreak === undefined ? ':' : ': ';
  return flow(key, layout, lineBreak) + colon + flow(below, layout, lineBreak);
}

/** Formats a value as JSON, with the line break around it if there is one; as YAML on one line. */
function flow(value: unknown, { json, step }: Layout, lineBreak: string | undefined): string {
  if (!json) return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
  if (lineBreak === undefined) return JSON.stringify(value);
  return JSON.stringify(value, null, step).replaceAll('\n', lineBreak);
}

/** The innermost node at the end of the item's text. */
function lastOf(item: Pair | YAMLMap | YAMLSeq | ParsedNode): YAMLMap | YAMLSeq | ParsedNode {
  if ('key' in item) return lastOf((item.value ?? item.key) as ParsedNode);
  const inner = (isMap(item) || isSeq(item)) && !item.flow ? item.items.at(-1) : undefined;
  return inner === undefined ? item : lastOf(inner as Pair | ParsedNode);
}

/** The line break that ends the previous line. */
function eolBefore(text: string, at: number): string {
  const newline = text.lastIndexOf('\n', at - 1);
  return newline > 0 && text[newline - 1] === '\r' ? '\r\n' : '\n';
}
