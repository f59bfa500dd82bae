/** Whether a program of this machine asks by itself, and nobody speaks through it. */
import type { IncomingMessage } from 'node:http';

const loopbackAddress = /^(?:127\.|::1$|::ffff:127\.)/;
const ownName = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
const ownOrigin = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
/** What proxies add. One that adds nothing cannot be seen. */
const forwarded = /^(?:forwarded|via|x-real-ip|x-forwarded-.*)$/;

export function isLoopback(address: string | undefined): boolean {
  return loopbackAddress.test(address ?? '');
}

/**
 * The peer's address is no credential by itself: a proxy has it, and so has a browser that shows somebody's page. A
 * page that gave its own name our address is known by `Host`, any other page by `Origin` or `Sec-Fetch-Site`, a proxy by
 * what it adds. `host`: the one that the request is for.
 */
export function isOwnRequest({ headers, socket }: IncomingMessage, host: string): boolean {
  const { origin } = headers;
  return (
    isLoopback(socket.remoteAddress) &&
    ownName.test(host) &&
    (origin === undefined || ownOrigin.test(origin)) &&
    headers['sec-fetch-site'] !== 'cross-site' &&
    !Object.keys(headers).some((name) => forwarded.test(name))
  );
}
