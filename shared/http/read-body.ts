/** The text of a request's body: base64 by API Gateway and gzip by the client are undone. */
import { gunzipSync } from 'node:zlib';
import { parse } from 'content-type';
import { decodeUtf8 } from '../events/utf8.ts';
import { bodyBytesMax } from '../limits.ts';
import { type Problem, problem } from './problem.ts';
import type { HttpEvent } from './stack.ts';

type Refused = { readonly ok: false; readonly problem: Problem };

export type BodyReading = { readonly ok: true; readonly text: string } | Refused;

type BytesReading = { readonly ok: true; readonly bytes: Buffer } | Refused;

/**
 * JSON is UTF-8 and its media type has no charset (RFC 8259), so one that names UTF-8 or a part of it says nothing.
 * Bytes of any other charset can be well-formed UTF-8 by chance and mean something else, so they are refused by name.
 */
const charsetsOfUtf8 = /^'?(?:utf-?8|(?:us-)?ascii)'?$/i;
/** `x-gzip` is gzip (RFC 9110, 8.4.1.3); an empty field names no coding. */
const gzipCodings: ReadonlySet<string> = new Set(['gzip', 'x-gzip']);
const identityCodings: ReadonlySet<string> = new Set(['', 'identity']);
const byteOrderMark = '\ufeff';

/** The decoded text of the body, at most `bodyBytesMax`; media type (one of these) and encoding are checked first. */
export function readBody(event: HttpEvent, mediaTypes: readonly string[]): BodyReading {
  const head = readHead(event, mediaTypes);
  if (!head.ok) return head;
  const body = event.body ?? '';
  if (body === '') return emptyBody();
  if (!event.isBase64Encoded && !head.packed) return fromText(body);
  const unpacked = unpack(event, head.packed);
  return unpacked.ok ? fromBytes(unpacked.bytes) : unpacked;
}

type JsonReading = { readonly ok: true; readonly value: unknown } | Refused;

/** The value of a JSON body of at most so many characters. The numbers of events keep more digits: ingest reads them itself. */
export function readJsonBody(event: HttpEvent, charsMax: number = bodyBytesMax): JsonReading {
  const body = readBody(event, ['application/json']);
  if (!body.ok) return body;
  if (body.text.length > charsMax)
    return invalid(413, 'body_too_large', `The body must have at most ${charsMax} characters.`);
  try {
    return { ok: true, value: JSON.parse(body.text) };
  } catch {
    return invalid(400, 'invalid_json', 'The body is not JSON.');
  }
}

/** As `readBody`, for a body that is no text, which may be empty. */
export function readBodyBytes(event: HttpEvent, mediaTypes: readonly string[]): BytesReading {
  const head = readHead(event, mediaTypes);
  if (!head.ok) return head;
  const unpacked = unpack(event, head.packed);
  return unpacked.ok && unpacked.bytes.length > bodyBytesMax ? tooLarge() : unpacked;
}

/** Whether the body is packed, where its media type and encoding are among those that are read. */
function readHead(
  { headers }: HttpEvent,
  mediaTypes: readonly string[],
): { readonly ok: true; readonly packed: boolean } | Refused {
  if (!isOneOf(mediaTypes, headers['content-type'] ?? '')) {
    const detail = `The content type must be ${mediaTypes.join(' or ')} in UTF-8.`;
    return invalid(415, 'unsupported_media_type', detail, { accept: mediaTypes.join(', ') });
  }
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const packed = gzipCodings.has(encoding);
  if (packed || identityCodings.has(encoding)) return { ok: true, packed };
  const detail = 'The content encoding must be gzip or none.';
  return invalid(415, 'unsupported_content_encoding', detail, { 'accept-encoding': 'gzip' });
}

function unpack({ body = '', isBase64Encoded }: HttpEvent, packed: boolean): BytesReading {
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'latin1');
  return packed ? gunzip(bytes) : { ok: true, bytes };
}

/** The plain type of most requests needs no parser. */
function isOneOf(mediaTypes: readonly string[], mediaType: string): boolean {
  if (mediaTypes.includes(mediaType)) return true;
  const { type, parameters } = parse(mediaType);
  return mediaTypes.includes(type) && charsetsOfUtf8.test(parameters['charset'] ?? 'utf-8');
}

// Same type: a swap shows in every golden answer.
function invalid(status: number, code: string, detail: string, headers: Problem['headers'] = {}): Refused {
  return { ok: false, problem: problem(status, code, detail, { headers }) };
}

function emptyBody(): Refused {
  return invalid(400, 'empty_body', 'The request has no body.');
}

function tooLarge(): Refused {
  return invalid(413, 'body_too_large', `The body must have at most ${bodyBytesMax} bytes when decoded.`);
}

/** Text that API Gateway decoded; it keeps a byte order mark, which `decodeUtf8` drops. */
function fromText(body: string): BodyReading {
  // A string of n UTF-16 units has at most 3n bytes, so most bodies need no counting.
  if (body.length * 3 > bodyBytesMax && Buffer.byteLength(body) > bodyBytesMax) return tooLarge();
  const text = body.startsWith(byteOrderMark) ? body.slice(byteOrderMark.length) : body;
  return text === '' ? emptyBody() : { ok: true, text };
}

function fromBytes(bytes: Buffer): BodyReading {
  if (bytes.length > bodyBytesMax) return tooLarge();
  const text = decodeUtf8(bytes);
  if (text === null) return invalid(400, 'invalid_utf8', 'The body is not well-formed UTF-8.');
  return text === '' ? emptyBody() : { ok: true, text };
}

/** Unpacks no further than a body may have, so that a small body cannot fill the memory. */
function gunzip(bytes: Buffer): BytesReading {
  try {
    return { ok: true, bytes: gunzipSync(bytes, { maxOutputLength: bodyBytesMax }) };
  } catch (error) {
    const tooLong = error instanceof RangeError && Reflect.get(error, 'code') === 'ERR_BUFFER_TOO_LARGE';
    return tooLong ? tooLarge() : invalid(400, 'invalid_gzip', 'The body is not a gzip stream.');
  }
}
