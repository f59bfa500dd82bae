/** The text of a request's body: base64 by API Gateway and gzip by the client are undone. */
import { gunzipSync } from 'node:zlib';
import { type Problem, problem } from '../../shared/http/problem.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import { bodyBytesMax, gzipRatioMax } from '../../shared/limits.ts';

export type BodyReading =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: Problem };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const jsonType = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i;

/** The decoded text of the body, at most `bodyBytesMax`; media type and encoding are checked first. */
export function readBody(event: HttpEvent): BodyReading {
  const mediaType = event.headers['content-type'] ?? '';
  if (!jsonType.test(mediaType)) {
    return invalid(415, 'unsupported_media_type', 'The content type must be application/json in UTF-8.');
  }
  const encoding = (event.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip') {
    return invalid(415, 'unsupported_content_encoding', 'The content encoding must be gzip or none.');
  }
  const body = event.body ?? '';
  if (body === '') return invalid(400, 'empty_body', 'The request has no body.');
  if (!event.isBase64Encoded && encoding === 'identity') {
    // A string of n UTF-16 units has at most 3n bytes, so most bodies need no counting.
    const large = body.length * 3 > bodyBytesMax && Buffer.byteLength(body) > bodyBytesMax;
    return large ? tooLarge() : { ok: true, text: body };
  }
  const bytes = Buffer.from(body, event.isBase64Encoded ? 'base64' : 'latin1');
  if (encoding === 'identity') return fromUtf8(bytes);
  const unpacked = gunzip(bytes);
  return Buffer.isBuffer(unpacked) ? fromUtf8(unpacked) : unpacked;
}

// Same type: a swap shows in every golden answer.
function invalid(status: number, code: string, detail: string): BodyReading {
  return { ok: false, problem: problem(status, code, detail) };
}

function tooLarge(): BodyReading {
  return invalid(413, 'body_too_large', `The body must have at most ${bodyBytesMax} bytes when decoded.`);
}

function fromUtf8(bytes: Buffer): BodyReading {
  if (bytes.length > bodyBytesMax) return tooLarge();
  if (bytes.length === 0) return invalid(400, 'empty_body', 'The request has no body.');
  try {
    return { ok: true, text: utf8.decode(bytes) };
  } catch {
    return invalid(400, 'invalid_utf8', 'The body is not well-formed UTF-8.');
  }
}

/** Unpacks no further than both limits allow, so that a small body cannot fill the memory. */
function gunzip(bytes: Buffer): Buffer | BodyReading {
  const byRatio = bytes.length * gzipRatioMax;
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.min(bodyBytesMax, byRatio) });
  } catch (error) {
    const tooLong = error instanceof RangeError && Reflect.get(error, 'code') === 'ERR_BUFFER_TOO_LARGE';
    if (!tooLong) return invalid(400, 'invalid_gzip', 'The body is not a gzip stream.');
    if (byRatio >= bodyBytesMax) return tooLarge();
    const limit = `The body must unpack to at most ${gzipRatioMax} times its size.`;
    return invalid(413, 'gzip_ratio_exceeded', limit);
  }
}
