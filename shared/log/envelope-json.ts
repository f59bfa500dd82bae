/**
 * The body of an envelope of version 1: UTF-8 JSON array of `[organization, metric, quantity, idempotency key,
 * event time ms, undated 0|1, fingerprint hex, sealed properties base64 or null]`. It carries no dimensions.
 */
import { invariant } from '../errors.ts';
import { noDimensions } from '../events/dimensions.ts';
import type { SealedEvent } from '../events/usage-event.ts';

export function encodeJson(events: readonly SealedEvent[]): string {
  return JSON.stringify(events.map(toTuple));
}

function toTuple(event: SealedEvent): readonly unknown[] {
  invariant(event.dimensions === noDimensions, 'an envelope of version 1 carries no dimensions');
  return [
    event.organization,
    event.metric,
    event.quantity,
    event.idempotencyKey,
    event.eventTimeMs,
    event.undated ? 1 : 0,
    event.fingerprint,
    event.sealed,
  ];
}

/** Null for any other text. */
export function decodeJson(text: string): readonly SealedEvent[] | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(body)) return null;
  const events: SealedEvent[] = [];
  const tuples: readonly unknown[] = body;
  for (const tuple of tuples) {
    const event = fromTuple(tuple);
    if (event === null) return null;
    events.push(event);
  }
  return events;
}

function fromTuple(tuple: unknown): SealedEvent | null {
  if (!Array.isArray(tuple) || tuple.length !== 8) return null;
  const fields: readonly unknown[] = tuple;
  const [organization, metric, quantity, idempotencyKey, eventTimeMs, undated, fingerprint, sealed] = fields;
  if (typeof organization !== 'string' || typeof metric !== 'string') return null;
  if (typeof quantity !== 'string' || typeof idempotencyKey !== 'string') return null;
  if (typeof eventTimeMs !== 'number' || !Number.isSafeInteger(eventTimeMs)) return null;
  if (undated !== 0 && undated !== 1) return null;
  if (typeof fingerprint !== 'string' || (sealed !== null && typeof sealed !== 'string')) return null;
  return {
    organization,
    metric,
    quantity,
    idempotencyKey,
    eventTimeMs,
    undated: undated === 1,
    fingerprint,
    sealed,
    dimensions: noDimensions,
  };
}
