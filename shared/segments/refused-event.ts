/** An event out of its bytes in quarantine. */
import { noDimensions } from '../events/dimensions.ts';
import type { EventContent } from '../events/usage-event.ts';
import { readCopyTuples, readRowText, tupleEnd } from '../log/row-tuple.ts';

/** What can be read of a refused event; where a member is not what it should be, the event is not readable. */
export interface RefusedEvent extends EventContent {
  /** It had properties, which are not shown. */
  readonly sealed: boolean;
}

/** Null for bytes of a whole record, or of another form. An event of an envelope of version 1 is text, unless only its day was closed. */
export function fromRefusedBytes(bytes: Buffer): RefusedEvent | null {
  return tupleEnd(bytes, 0) === bytes.length ? fromTuple(bytes) : fromText(bytes);
}

function fromTuple(bytes: Buffer): RefusedEvent | null {
  const [tuple] = readCopyTuples(bytes);
  if (tuple === undefined) return null;
  const { undated, eventTimeMs } = tuple;
  return { ...readRowText(tuple.bytes, tuple.at), eventTimeMs, undated };
}

function fromText(bytes: Buffer): RefusedEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const member = (name: string): unknown => Reflect.get(value, name);
  const [organization, metric] = [member('organization'), member('metric')];
  const [quantity, idempotencyKey] = [member('quantity'), member('idempotencyKey')];
  const [eventTimeMs, undated] = [member('eventTimeMs'), member('undated')];
  if (typeof organization !== 'string' || typeof metric !== 'string') return null;
  if (typeof quantity !== 'string' || typeof idempotencyKey !== 'string') return null;
  if (typeof eventTimeMs !== 'number' || typeof undated !== 'boolean') return null;
  const sealed = typeof member('sealed') === 'string';
  // Envelopes of version 1 carry no dimensions.
  const dimensions = noDimensions;
  return { organization, metric, quantity, idempotencyKey, eventTimeMs, undated, dimensions, sealed };
}
