/** A counted event as the statements of lookups answer it. */
import { invariant } from '../../errors.ts';
import type { CountedEvent } from '../event-lookup.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';

export interface EventRow {
  readonly key_hash: string;
  readonly day: number;
  readonly organization_id: string;
  readonly metric_name: string;
  readonly idempotency_key: string;
  readonly dimensions: string;
  readonly quantity: string;
  readonly fingerprint: string;
  readonly partition: number;
  readonly offset: string;
  readonly index: number;
  readonly undated: boolean;
  readonly sealed: boolean;
  readonly event_time_ms: string;
  readonly created_at_ms: string;
  readonly processed_at_ms: string;
  readonly commit: string | null;
}

export function fromRowEvent(row: EventRow): CountedEvent {
  invariant(row.commit !== null, `no commit inserted the event at ${row.partition}/${row.offset}`);
  return {
    keyHash: fromUuid(row.key_hash),
    fingerprint: fromUuid(row.fingerprint),
    organization: row.organization_id,
    metric: row.metric_name,
    quantity: row.quantity,
    idempotencyKey: row.idempotency_key,
    dimensions: row.dimensions,
    eventTimeMs: toSafeInteger(row.event_time_ms),
    undated: row.undated,
    sealed: row.sealed,
    day: row.day,
    partition: row.partition,
    offset: toSafeInteger(row.offset),
    index: row.index,
    createdAtMs: toSafeInteger(row.created_at_ms),
    commit: { hash: row.commit, committedAtMs: toSafeInteger(row.processed_at_ms) },
  };
}
