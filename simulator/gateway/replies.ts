import type { ApiError } from './errors.ts';

export type Format = 'JSON' | 'XML';
export type Product = 'Slb' | 'Ecs';
/** Plain data of a success body: strings, numbers, booleans, and records and lists of them. */
export type Body = Readonly<Record<string, unknown>>;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function successReply(action: string, body: Body, requestId: string, format: Format): Reply {
  return render(200, { RequestId: requestId, ...body }, format, `${action}Response`);
}

export function errorReply(error: ApiError, product: Product, requestId: string, format: Format): Reply {
  const body = {
    RequestId: requestId,
    HostId: `${product.toLowerCase()}.aliyuncs.com`,
    Code: error.code,
    Message: error.message,
    Recommend: `https://api.aliyun.com/troubleshoot?q=${encodeURIComponent(error.code)}&product=${product}&requestId=${requestId}`,
    ...error.details,
  };
  const reply = render(error.httpStatus, body, format, 'Error');
  if (error.retryAfterMs === undefined) return reply;
  return { ...reply, headers: { ...reply.headers, 'x-acs-retry-after': String(error.retryAfterMs) } };
}

/** The reply of a proxy in front of the API that cannot reach it. */
export function badGatewayReply(): Reply {
  return {
    status: 502,
    headers: { 'content-type': 'text/html' },
    body: '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<h1>502 Bad Gateway</h1>\r\n</body>\r\n</html>\r\n',
  };
}

/** JSON without Code: clients that only look at Code take it for success. */
export function codelessReply(requestId: string): Reply {
  return render(500, { RequestId: requestId, Message: 'internal server error' }, 'JSON', 'Error');
}

export function readFormat(params: ReadonlyMap<string, string>, fallback: Format): Format {
  // Go V2 clients send lower case.
  const value = params.get('Format')?.toUpperCase();
  return value === 'JSON' || value === 'XML' ? value : fallback;
}

function render(status: number, body: Body, format: Format, root: string): Reply {
  const contentType = format === 'JSON' ? 'application/json;charset=utf-8' : 'text/xml;charset=utf-8';
  return {
    status,
    headers: { 'content-type': contentType, 'x-acs-request-id': String(body['RequestId']) },
    body:
      format === 'JSON'
        ? JSON.stringify(body)
        : `<?xml version='1.0' encoding='UTF-8'?>${element(root, body)}`,
  };
}

/** A list becomes a repeated element; the enclosing element is named after the list, as in BackendServers/BackendServer. */
function element(name: string, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((item) => element(name, item)).join('');
  if (typeof value !== 'object') return `<${name}>${escapeXml(String(value))}</${name}>`;
  const content = Object.entries(value).map(([key, item]) => element(key, item));
  return `<${name}>${content.join('')}</${name}>`;
}

const XML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => XML_ESCAPES[character] ?? character);
}
