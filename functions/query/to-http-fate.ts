/** Single events and fates as answers. */
import type { CommitName, CountedEvent } from '../../shared/ledger/event-lookup.ts';
import type { Receipts } from '../../shared/log/receipt.ts';
import type { CountedEventAnswer, FateAnswer } from './event-schema.ts';
import type { Fate, FoundFate } from './find-fates.ts';

export type ReceiptSealer = Pick<Receipts, 'seal'>;

/** The receipt names the same event as the one that ingest gave out; its text is another one. */
export function toHttpCounted(event: CountedEvent, receipts: ReceiptSealer): CountedEventAnswer {
  return {
    receipt: receiptOf(event, receipts),
    organization_id: event.organization,
    metric_name: event.metric,
    quantity: event.quantity,
    idempotency_key: event.idempotencyKey,
    timestamp: toHttpTime(event.eventTimeMs),
    stamped: event.undated,
    has_properties: event.sealed,
    accepted_at: toHttpTime(event.createdAtMs),
    counted_at: toHttpTime(event.commit.committedAtMs),
    commit: event.commit.hash,
  };
}

function receiptOf(event: CountedEvent, receipts: ReceiptSealer): string {
  const { partition, offset, index: firstIndex, createdAtMs, organization } = event;
  return `${receipts.seal({ partition, offset, createdAtMs, organization, firstIndex, count: 1 })}.0`;
}

const details: Readonly<Record<Fate['kind'], string>> = {
  counted: 'The event is in the totals.',
  duplicate:
    'Its idempotency key counted already on its day, with the same content. It is not counted again.',
  conflict:
    'Its idempotency key counted already on its day, with other content. It is recorded and not counted.',
  quarantined: 'The event cannot be counted. It is kept aside, and an administrator can look at it.',
  in_flight: 'The event is accepted and not committed yet.',
  skipped: 'An operator gave up the records among which it was. It is not counted; send it again.',
  closed: 'It is committed, and its day is closed: only totals are kept, and not which events are in them.',
  not_counted:
    'It is committed and not counted here, and the log no longer holds it. Ask by organization and key.',
  lost: 'The log acknowledged the event and lost it. It is not counted; send it again with the same key and timestamp.',
  undetermined: 'The log does not answer. Ask again.',
};

/** Same type: the receipt as it was asked for. */
export function toHttpFate(receipt: string, found: FoundFate, receipts: ReceiptSealer): FateAnswer {
  const { acceptedAtMs, organization, fate } = found;
  return {
    receipt,
    status: fate.kind,
    detail: details[fate.kind],
    organization_id: organization,
    accepted_at: toHttpTime(acceptedAtMs),
    ...('commit' in fate ? toHttpCommit(fate.kind, fate.commit) : {}),
    ...(fate.kind === 'quarantined' ? { quarantine_code: fate.code } : {}),
    ...(fate.kind === 'duplicate' || fate.kind === 'conflict'
      ? { duplicate_of: fate.first === null ? null : toHttpCounted(fate.first, receipts) }
      : {}),
    ...(fate.kind === 'conflict' && fate.fields !== null
      ? {
          different_fields: [...fate.fields.different],
          undetermined_fields: [...fate.fields.undetermined],
        }
      : {}),
  };
}

function toHttpCommit(kind: Fate['kind'], { hash: commit, committedAtMs }: CommitName) {
  const at = toHttpTime(committedAtMs);
  return kind === 'counted' ? { counted_at: at, commit } : { committed_at: at, commit };
}

export function toHttpTime(ms: number): string {
  return new Date(ms).toISOString();
}
