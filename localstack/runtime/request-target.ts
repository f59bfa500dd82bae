/** Which host and path a request is for (RFC 9112, 3.2). */
import type { IncomingMessage } from 'node:http';

export interface RequestTarget {
  /** Name and port; empty where an old client named none. */
  readonly host: string;
  /** Path and query as sent. */
  readonly url: string;
}

/** A name, an IPv4 address or an IPv6 address in brackets, with or without a port. */
const authority = /^(?:[\w.~%-]+|\[[\da-f:.]+\])(?::\d{0,5})?$/i;
/** A client that believes in a proxy sends the whole URL; its host then counts, and not the field Host. */
const absoluteForm = /^https?:\/\/([^/?#]*)([^#]*)/i;

/** Undefined for a request that names no host, several, or a target that is no path of ours. */
export function targetOf({
  url = '/',
  headers,
}: Pick<IncomingMessage, 'url' | 'headers'>): RequestTarget | undefined {
  // Of several fields Host the values are joined by comma, which is in no host.
  const { host = '' } = headers;
  if (host !== '' && !authority.test(host)) return undefined;
  if (url.startsWith('/') || url === '*') return { host, url };
  const [, named = '', rest = ''] = absoluteForm.exec(url) ?? [];
  if (!authority.test(named)) return undefined;
  return { host: named, url: rest.startsWith('/') ? rest : `/${rest}` };
}
