import type { IncomingHttpHeaders } from 'node:http';

/** An API request as any official client may send it: see README.md, "What clients send". */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly scheme: 'RPC' | 'ACS3';
  readonly query: ReadonlyMap<string, string>;
  /** Query string and form body merged, including empty values: RPC signs all of them, wherever they were. */
  readonly params: ReadonlyMap<string, string>;
  readonly action: string;
  readonly version: string;
  readonly accessKeyId: string;
}

export interface RawRequest {
  readonly method: string;
  /** Path and query as on the request line. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export function parseRequest(raw: RawRequest): ApiRequest {
  const cut = raw.url.indexOf('?');
  const path = cut < 0 ? raw.url : raw.url.slice(0, cut);
  const query = parseForm(cut < 0 ? '' : raw.url.slice(cut + 1));
  const params = new Map(query);
  // GOV1-style clients declare a form and send none; tea-rpc splits the parameters; no client sends JSON here.
  if (raw.body.length > 0 && !raw.headers['content-type']?.includes('json')) {
    for (const [name, value] of parseForm(raw.body.toString('utf8'))) params.set(name, value);
  }
  const authorization = raw.headers.authorization ?? '';
  const acs3 = authorization.startsWith('ACS3-');
  return {
    method: raw.method,
    path,
    headers: raw.headers,
    body: raw.body,
    scheme: acs3 ? 'ACS3' : 'RPC',
    query,
    params,
    action: (acs3 ? header(raw.headers, 'x-acs-action') : params.get('Action')) ?? '',
    version: (acs3 ? header(raw.headers, 'x-acs-version') : params.get('Version')) ?? '',
    accessKeyId: (acs3 ? /Credential=([^,\s]*)/.exec(authorization)?.[1] : params.get('AccessKeyId')) ?? '',
  };
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** `Name.1`, `Name.2` … in order; a plain `Name` counts as the first. */
export function repeatList(params: ReadonlyMap<string, string>, name: string): string[] {
  const values: string[] = [];
  const single = params.get(name);
  if (single) values.push(single);
  for (let n = 1; ; n++) {
    const value = params.get(`${name}.${n}`);
    if (value === undefined) return values;
    if (value !== '') values.push(value);
  }
}

/** `Tag.1.Key`, `Tag.1.Value` … → pairs in order. */
export function tagList(params: ReadonlyMap<string, string>): { key: string; value: string }[] {
  const tags: { key: string; value: string }[] = [];
  for (let n = 1; ; n++) {
    const key = params.get(`Tag.${n}.Key`);
    if (key === undefined) return tags;
    tags.push({ key, value: params.get(`Tag.${n}.Value`) ?? '' });
  }
}

// URLSearchParams reads "+" as a space and keeps empty values, as the gateway does. Of a repeated name, the last value wins.
function parseForm(text: string): Map<string, string> {
  return new Map(new URLSearchParams(text));
}
