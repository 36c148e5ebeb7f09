import { type Document, isCollection, isMap, type Scalar, visit, type YAMLMap, type YAMLSeq } from 'yaml';

/** How a document is formatted, so that additions match. */
export interface Layout {
  /** JSON, or YAML that looks like JSON: its keys are in double quotes. */
  readonly json: boolean;
  /** The indentation of one level. */
  readonly step: string;
  /** How much deeper than its key the dashes of a list are indented. */
  readonly seqStep: string;
}

export function layoutOf(text: string, document: Document.Parsed): Layout {
  let step: string | undefined;
  let seqStep: string | undefined;
  visit(document, {
    Map(_, map) {
      if (map.flow) {
        if (map === document.contents) step = breakIn(text, map)?.replace(/^\r?\n/, '');
        return;
      }
      for (const { value } of map.items) {
        if (!isCollection(value) || value.flow) continue;
        const further = ' '.repeat(columnOf(text, value) - columnOf(text, map));
        if (isMap(value)) step ??= further;
        else seqStep ??= further;
      }
    },
  });
  const { contents } = document;
  const json =
    isMap(contents) &&
    contents.flow === true &&
    (contents.items[0]?.key as Scalar | undefined)?.type === 'QUOTE_DOUBLE';
  return { json, step: step ?? '  ', seqStep: seqStep ?? '  ' };
}

/** The column of the first key or dash. In a block collection, all of them start at this column. */
export function columnOf(text: string, collection: YAMLMap | YAMLSeq): number {
  const token = collection.srcToken;
  const first = token !== undefined && 'items' in token ? token.items[0] : undefined;
  const props = first?.start.find(({ type }) => !['space', 'newline', 'comment'].includes(type));
  const at = props?.offset ?? collection.range?.[0] ?? 0;
  return at - lineStart(text, at);
}

/** The line break before the first item of a flow collection, with that item's indentation; undefined if the item does not start a line. */
export function breakIn(text: string, collection: YAMLMap | YAMLSeq): string | undefined {
  const [start = 0] = collection.range ?? [];
  return /^[[{][ \t]*(\r?\n[ \t]*)/.exec(text.slice(start))?.[1];
}

function lineStart(text: string, at: number): number {
  const newline = text.lastIndexOf('\n', at - 1);
  return newline === -1 && text.startsWith('\uFEFF') ? 1 : newline + 1;
}
