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
import { type DecodedEnvelope, decodeEnvelope, type Envelope, recordHashOf } from '../log/envelope.ts';
import type { EventTuples } from '../log/envelope-tuples.ts';
import { shardOf } from '../log/routing.ts';
import { CopyRows, type TupleRun } from '../log/row-tuple.ts';
import { type LogPlace, type RollupEvent, RollupSums } from './rollup.ts';
import type { Refusal, Segment } from './segment.ts';
import { isCountableTime, refusedTuple, TupleReader, type TupleReading } from './tuple-reader.ts';

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

/**
 * Folds consecutive records of a partition, into rows of its home shard. `known`: as for `decodeEnvelope`.
 */
export function foldRecords(
  records: readonly FoldRecord[],
  partition: number,
  known?: readonly number[],
): Fold {
  const segments: Segment[] = [];
  const reader = new TupleReader();
  let builder: SegmentBuilder | null = null;
  const close = () => {
    if (builder?.hasRecords) segments.push(builder.finish());
    builder = null;
  };
  for (const record of records) {
    const decoded = decodeEnvelope(record.value, partition, known);
    const content = decoded.kind === 'envelope' ? contentOf(decoded.envelope) : noContent;
    if (builder?.isFullFor(record, content)) close();
    builder ??= new SegmentBuilder({ partition, from: record.offset }, reader);
    const reason = builder.addRecord(record, decoded);
    if (reason !== null) {
      close();
      return { segments, stop: { offset: record.offset, reason } };
    }
  }
  close();
  return { segments, stop: null };
}

/** How much of a segment an envelope takes. */
interface Content {
  readonly events: number;
  readonly days: Iterable<number>;
}

const noContent: Content = { events: 0, days: [] };

function contentOf(envelope: Envelope): Content {
  if (envelope.version === 2) {
    const { starts, days } = envelope.tuples;
    return { events: starts.length, days };
  }
  return {
    events: envelope.events.length,
    days: envelope.events.map(({ eventTimeMs }) => dayOf(eventTimeMs)),
  };
}

class SegmentBuilder {
  readonly #partition: number;
  readonly #shard: number;
  readonly #from: number;
  readonly #reader: TupleReader;
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

  constructor({ partition, from }: Pick<Segment['meta'], 'partition' | 'from'>, reader: TupleReader) {
    this.#reader = reader;
    this.#partition = partition;
    this.#shard = shardOf(partition);
    this.#from = from;
    this.#to = from;
  }

  get hasRecords(): boolean {
    return this.#to > this.#from;
  }

  isFullFor({ offset }: FoldRecord, { events, days }: Content): boolean {
    if (offset !== this.#to || this.#isAlone) return true;
    if (this.#seen > 0 && this.#seen + events > segmentEventsMax) return true;
    return !this.#eventDays.take(days) && this.hasRecords;
  }

  /** Adds the record; returns why the partition must wait before it, or null. */
  addRecord(record: FoldRecord, decoded: DecodedEnvelope): string | null {
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
        this.#isAlone = !this.#eventDays.take(contentOf(decoded.envelope).days);
        if (!this.#addEnvelope(record.offset, decoded.envelope)) {
          return `more than ${refusedEventsMax} events of one range cannot be counted`;
        }
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

  /** False, and nothing is added, when too many of its events cannot be counted. */
  #addEnvelope(offset: number, envelope: Envelope): boolean {
    if (envelope.version === 2) {
      const { bytes, starts } = envelope.tuples;
      const readings = starts.map((at) => this.#reader.read(bytes, at));
      if (!this.#mayRefuse(readings.filter((reading) => typeof reading === 'string').length)) return false;
      this.#addTuples(offset, envelope.tuples, readings);
      return true;
    }
    const codes = envelope.events.map(refusalOf);
    if (!this.#mayRefuse(codes.filter((code) => code !== null).length)) return false;
    this.#addEvents(offset, envelope, codes);
    return true;
  }

  #mayRefuse(added: number): boolean {
    const refused = this.#refusals.filter((refusal) => refusal.index >= 0).length;
    return refused + added <= refusedEventsMax;
  }

  #addTuples(offset: number, { bytes, starts }: EventTuples, readings: readonly TupleReading[]): void {
    this.#seen += starts.length;
    let run: { readonly day: number; readonly starts: number[]; end: number } | null = null;
    for (const [index, start] of starts.entries()) {
      const end = starts[index + 1] ?? bytes.length;
      const reading = readings[index];
      invariant(reading !== undefined, 'every tuple was read');
      if (typeof reading === 'string') {
        this.#refusals.push({
          offset,
          index,
          code: reading,
          bytes: refusedTuple(bytes, { starts: [start], end }, offset),
        });
        continue;
      }
      if (run !== null && run.day === reading.day && run.end === start) {
        run.starts.push(start);
        run.end = end;
      } else {
        this.#addRun(bytes, run, offset);
        run = { day: reading.day, starts: [start], end };
      }
      this.#addUsage(reading, { offset, index });
    }
    this.#addRun(bytes, run, offset);
  }

  #addRun(bytes: Buffer, run: (TupleRun & { readonly day: number }) | null, offset: number): void {
    if (run !== null) this.#rowsOf(run.day).appendTuples(bytes, run, offset);
  }

  #rowsOf(day: number): CopyRows {
    let rows = this.#days.get(day);
    if (rows === undefined) {
      rows = new CopyRows();
      this.#days.set(day, rows);
    }
    return rows;
  }

  #addUsage(event: RollupEvent & { readonly undated: boolean }, place: LogPlace): void {
    this.#sums.addEvent(event, place);
    if (event.undated) this.#undated += 1;
  }

  #addEvents(
    offset: number,
    envelope: Extract<Envelope, { version: 1 }>,
    codes: readonly (string | null)[],
  ): void {
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

  #addEvent(event: SealedEvent, at: LogPlace, envelope: Envelope): void {
    const dayNumber = dayOf(event.eventTimeMs);
    const { sealed } = event;
    this.#rowsOf(dayNumber).append({
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
      dimensions: event.dimensions,
      idempotencyKey: event.idempotencyKey,
      properties:
        sealed === null ? null : propertiesColumn(envelope.producerId, envelope.sequence, at.index, sealed),
    });
    this.#addUsage(event, at);
  }
}

const quantityPattern = /^-?(0|[1-9]\d{0,19})(\.\d{0,17}[1-9])?$/;
const fingerprintPattern = /^[0-9a-f]{32}$/;

/** Why an event of our own envelope cannot be counted; null for every event that ingest lets through. */
function refusalOf(event: SealedEvent): string | null {
  if (!organizationPattern.test(event.organization)) return 'organization_invalid';
  if (!namePattern.test(event.metric)) return 'metric_invalid';
  if (!quantityPattern.test(event.quantity)) return 'quantity_invalid';
  if (!fingerprintPattern.test(event.fingerprint)) return 'fingerprint_invalid';
  if (!isCountableTime(event.eventTimeMs)) return 'event_time_invalid';
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
