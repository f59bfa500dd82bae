/**
 * Records of one partition become segments. The consumer folds what Kafka delivers, the flusher folds what it reads
 * from the log where Redis has a gap, and both get the same bytes.
 */
import { invariant } from '../errors.ts';
import { dayOf } from '../events/calendar.ts';
import { EventDays } from '../events/event-days.ts';
import { keyHash } from '../events/identity.ts';
import { namePattern, organizationPattern } from '../events/name-rule.ts';
import { propertiesColumn } from '../events/sealed-properties.ts';
import type { SealedEvent } from '../events/usage-event.ts';
import { idempotencyKeyBytesMax, refusedEventsMax, segmentEventsMax } from '../limits.ts';
import { decodeEnvelope, type Envelope, recordHashOf } from '../log/envelope.ts';
import { shardOf } from '../log/routing.ts';
import { CopyRows } from './copy-row.ts';
import { RollupSums } from './rollup.ts';
import type { Refusal, Segment } from './segment.ts';

/** One record of the partition, in offset order and without holes. */
interface FoldRecord {
  readonly offset: number;
  readonly value: Buffer;
}

/** Where the partition waits: newer code's record, or a bug of ours; the records before it are folded. */
interface FoldStop {
  readonly offset: number;
  readonly reason: string;
}

export interface Fold {
  readonly segments: readonly Segment[];
  readonly stop: FoldStop | null;
}

/** Folds consecutive records of a partition, into rows of its home shard. */
export function foldRecords(records: readonly FoldRecord[], partition: number): Fold {
  const segments: Segment[] = [];
  let builder: SegmentBuilder | null = null;
  const close = () => {
    if (builder?.hasRecords) segments.push(builder.finish());
    builder = null;
  };
  for (const record of records) {
    const decoded = decodeEnvelope(record.value, partition);
    const events = decoded.kind === 'envelope' ? decoded.envelope.events : [];
    if (builder?.isFullFor(record, events)) close();
    builder ??= new SegmentBuilder({ partition, from: record.offset });
    const reason = builder.addRecord(record, decoded);
    if (reason !== null) {
      close();
      return { segments, stop: { offset: record.offset, reason } };
    }
  }
  close();
  return { segments, stop: null };
}

class SegmentBuilder {
  readonly #partition: number;
  readonly #shard: number;
  readonly #from: number;
  #to: number;
  #seen = 0;
  #undated = 0;
  #lastValue: Buffer | null = null;
  readonly #days = new Map<number, CopyRows>();
  readonly #eventDays = new EventDays();
  /** It holds one envelope of more days than ingest accepts: older code did. */
  #isAlone = false;
  readonly #sums = new RollupSums();
  readonly #refusals: Refusal[] = [];

  constructor({ partition, from }: Pick<Segment['meta'], 'partition' | 'from'>) {
    this.#partition = partition;
    this.#shard = shardOf(partition);
    this.#from = from;
    this.#to = from;
  }

  get hasRecords(): boolean {
    return this.#to > this.#from;
  }

  isFullFor({ offset }: FoldRecord, events: readonly SealedEvent[]): boolean {
    if (offset !== this.#to || this.#isAlone) return true;
    if (this.#seen > 0 && this.#seen + events.length > segmentEventsMax) return true;
    return !this.#eventDays.take(daysOf(events)) && this.hasRecords;
  }

  /** Adds the record; returns why the partition must wait before it, or null. */
  addRecord(record: FoldRecord, decoded: ReturnType<typeof decodeEnvelope>): string | null {
    switch (decoded.kind) {
      case 'newer':
        return `the envelope has version ${decoded.version}, which newer code writes`;
      case 'unreadable':
        return `the envelope's checksum is right, but ${decoded.reason}`;
      case 'foreign':
        this.#refusals.push({
          offset: record.offset,
          index: -1,
          code: decoded.code,
          bytes: base64(record.value),
        });
        break;
      case 'envelope': {
        this.#isAlone = !this.#eventDays.take(daysOf(decoded.envelope.events));
        const codes = decoded.envelope.events.map(refusalOf);
        const refused = codes.filter((code) => code !== null).length;
        if (refused + this.#refusedEvents() > refusedEventsMax) {
          return `more than ${refusedEventsMax} events of one range cannot be counted`;
        }
        this.#addEvents(record.offset, decoded.envelope, codes);
      }
    }
    this.#to = record.offset + 1;
    this.#lastValue = record.value;
    return null;
  }

  finish(): Segment {
    invariant(this.#lastValue !== null, 'a segment holds at least one record');
    const days = [...this.#days.entries()]
      .sort(([a], [b]) => a - b)
      .map(([day, rows]) => ({ day, count: rows.count, rows: rows.toBuffer() }));
    return {
      meta: {
        partition: this.#partition,
        from: this.#from,
        to: this.#to,
        seen: this.#seen,
        undated: this.#undated,
        recordHash: recordHashOf(this.#lastValue),
        days: days.map(({ day, count, rows }) => ({ day, count, rowsBytes: rows.length })),
        rollups: this.#sums.toRollups(),
        refusals: this.#refusals,
      },
      days,
    };
  }

  #refusedEvents(): number {
    return this.#refusals.filter((refusal) => refusal.index >= 0).length;
  }

  #addEvents(offset: number, envelope: Envelope, codes: readonly (string | null)[]): void {
    this.#seen += envelope.events.length;
    for (const [index, event] of envelope.events.entries()) {
      const code = codes[index];
      if (typeof code === 'string') {
        const bytes = base64(Buffer.from(refusedEventText(event)));
        this.#refusals.push({ offset, index, code, bytes });
      } else {
        this.#addEvent(event, { offset, index }, envelope);
      }
    }
  }

  #addEvent(event: SealedEvent, at: Pick<Refusal, 'offset' | 'index'>, envelope: Envelope): void {
    const dayNumber = dayOf(event.eventTimeMs);
    let rows = this.#days.get(dayNumber);
    if (rows === undefined) {
      rows = new CopyRows();
      this.#days.set(dayNumber, rows);
    }
    const { sealed } = event;
    rows.append({
      keyHash: keyHash(event.organization, event.idempotencyKey),
      fingerprint: event.fingerprint,
      ...at,
      undated: event.undated,
      day: dayNumber,
      eventTimeMs: event.eventTimeMs,
      createdAtMs: envelope.createdAtMs,
      shard: this.#shard,
      partition: this.#partition,
      quantity: event.quantity,
      organization: event.organization,
      metric: event.metric,
      idempotencyKey: event.idempotencyKey,
      properties:
        sealed === null ? null : propertiesColumn(envelope.producerId, envelope.sequence, at.index, sealed),
    });
    this.#sums.addEvent(event);
    if (event.undated) this.#undated += 1;
  }
}

function daysOf(events: readonly SealedEvent[]): readonly number[] {
  return events.map(({ eventTimeMs }) => dayOf(eventTimeMs));
}

const quantityPattern = /^-?(0|[1-9]\d{0,19})(\.\d{0,17}[1-9])?$/;
const fingerprintPattern = /^[0-9a-f]{32}$/;
const eventTimeMsMin = Date.UTC(2000, 0, 1);
const eventTimeMsMax = Date.UTC(2200, 0, 1);

/** Why an event of our own envelope cannot be counted; null for every event that ingest lets through. */
function refusalOf(event: SealedEvent): string | null {
  if (!organizationPattern.test(event.organization)) return 'organization_invalid';
  if (!namePattern.test(event.metric)) return 'metric_invalid';
  if (!quantityPattern.test(event.quantity)) return 'quantity_invalid';
  if (!fingerprintPattern.test(event.fingerprint)) return 'fingerprint_invalid';
  if (event.eventTimeMs < eventTimeMsMin || event.eventTimeMs >= eventTimeMsMax) return 'event_time_invalid';
  const keyLength = event.idempotencyKey.length;
  if (keyLength === 0 || keyLength > idempotencyKeyBytesMax) return 'idempotency_key_invalid';
  if (!event.idempotencyKey.isWellFormed() || event.idempotencyKey.includes('\0'))
    return 'idempotency_key_invalid';
  return null;
}

/** A refused event as the quarantine keeps it: JSON whose members keep this order, which is a stored format. */
function refusedEventText(event: SealedEvent): string {
  const { organization, metric, quantity, idempotencyKey, eventTimeMs, undated, fingerprint, sealed } = event;
  return JSON.stringify({
    organization,
    metric,
    quantity,
    idempotencyKey,
    eventTimeMs,
    undated,
    fingerprint,
    sealed,
  });
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
