/**
 * What must be counted, by rules of its own: it reads the log by the recount's code, and shares none with what it judges.
 * It throws nothing: the first thing that must not be is kept in `violation`.
 */

import { hash } from 'node:crypto';
import type { Freshness } from '../../shared/ledger/summary.ts';
import { decode } from '../recount/envelope.ts';
import { poison, type SimulatedShard } from './ledger.ts';
import type { OldVersion, SimulatedLog } from './log.ts';
import type { Scheduler } from './scheduler.ts';
import type { CountedEvent, PartitionState, Written } from './shard-state.ts';

interface ModelEvent {
  readonly organization: string;
  readonly key: string;
  readonly day: number;
  readonly undated: boolean;
  readonly quarter: number;
  readonly thousandths: number;
  readonly offset: number;
  readonly index: number;
}

interface Acknowledged {
  readonly partition: number;
  readonly offset: number;
  /** undefined: lost before its answer arrived. */
  readonly value: Buffer | undefined;
  readonly wallMs: number;
}

interface ModelPartition {
  /** The records that were committed, at their offsets. */
  committed: Buffer[];
  readonly counted: Set<string>;
  readonly sums: Map<string, { thousandths: number; count: number }>;
  readonly halts: string[];
  /** Something was done to the log for which the partition may halt. */
  mayHalt: boolean;
  /** The topic that its shard counts. */
  topic: string;
  /** Where this generation begins: nothing is known of what is below. */
  first: number;
}

interface Through {
  readonly generation: number;
  readonly ms: number;
}

type Version = Pick<OldVersion, 'topic' | 'records'>;

/** What the model looks at, of a log in memory or of a real one. */
export type JudgedLog = Pick<SimulatedLog, 'topic' | 'partitions' | 'of'>;
/** The order of what happens, and a time to name it by. */
export type JudgedTime = Pick<Scheduler, 'nowMs' | 'points'>;

const dayLengthMs = 86_400_000;
const quarterLengthMs = 900_000;

export class Model {
  readonly #log: JudgedLog;
  readonly #scheduler: JudgedTime;
  readonly #partitions = new Map<number, ModelPartition>();
  readonly #acknowledged: Acknowledged[] = [];
  readonly #lastRead = new Map<string, number>();
  readonly #lastThrough = new Map<number, Through>();
  violation: string | null = null;
  /** Nobody set a clock and no end was stale: then freshness can be judged by it. */
  judgesFreshness = true;

  constructor(log: JudgedLog, scheduler: JudgedTime) {
    this.#log = log;
    this.#scheduler = scheduler;
    for (const number of log.partitions.keys()) {
      this.#partitions.set(number, {
        committed: [],
        counted: new Set(),
        sums: new Map(),
        halts: [],
        mayHalt: false,
        topic: log.topic,
        first: 0,
      });
    }
  }

  fail(why: string): void {
    this.violation ??= `${this.#scheduler.nowMs} ms: ${why}`;
  }

  /** A client got the answer that an envelope with events of its own is durable. */
  acknowledged({ partition, offset }: Pick<Acknowledged, 'partition' | 'offset'>, wallMs: number): void {
    this.#acknowledged.push({ partition, offset, value: this.#log.of(partition).records[offset], wallMs });
  }

  /** After something was lost: whether a partition has a reason to halt. */
  logChanged(): void {
    for (const [number, partition] of this.#partitions) if (this.#damaged(number)) partition.mayHalt = true;
  }

  /** Why the partition must not commit any more; null where its log is as it was committed. */
  #damaged(number: number): string | null {
    const { committed, topic, first } = this.#of(number);
    if (this.#log.topic !== topic) return 'the topic is another';
    const { start, records } = this.#log.of(number);
    if (start > committed.length) return 'the log starts above the next offset';
    if (records.length < committed.length) return 'the log ends below the next offset';
    const kept = Math.max(start, first);
    const other = committed.findIndex((value, offset) => offset >= kept && records[offset] !== value);
    return other < 0 ? null : `the record at ${other} is not the committed one`;
  }

  committing({ partition: number, by, move, record }: Written, state: PartitionState): void {
    const partition = this.#of(number);
    if (state.nextOffset !== move.from)
      this.fail(`partition ${number} commits from ${move.from} at ${state.nextOffset}`);
    if (move.from !== partition.committed.length || move.to <= move.from)
      this.fail(`ranges of ${number} do not tile`);
    if (state.haltCode !== null) this.fail(`partition ${number} commits although it is halted`);
    const { start } = this.#log.of(number);
    const continues = ({ topic, records }: Version) => {
      if (topic !== partition.topic) return false;
      const kept = Math.max(start, partition.first);
      return partition.committed.every((value, offset) => offset < kept || records[offset] === value);
    };
    // A log that changed after this process last read it could not be seen; the next look must halt.
    const readAt = by.readAt(number, record?.source ?? 'log');
    const read = this.#versions(number, readAt).filter(({ records }) => records.length >= move.to);
    const isLast = (value: Buffer | undefined) =>
      value !== undefined && sha256(value) === move.recordHash.toString('hex');
    const sound = read.filter(continues);
    const held = sound.find(({ records }) => isLast(records[move.to - 1])) ?? sound[0];
    if (held === undefined) {
      this.fail(
        `partition ${number} commits ${move.from}-${move.to} on a log that is not what was committed`,
      );
      return;
    }
    this.#count(number, { from: move.from, records: held.records.slice(move.from, move.to) });
    partition.committed = held.records.slice(0, move.to);
    this.logChanged();
  }

  #versions(number: number, readAt: number): readonly Version[] {
    const { versions, records } = this.#log.of(number);
    const older = versions.filter(({ endedAt }) => endedAt >= readAt).toReversed();
    return [{ topic: this.#log.topic, records }, ...older];
  }

  /** First in log order, by organization, key and day; an undated event yields to its neighbour days too. */
  #count(number: number, range: { readonly from: number; readonly records: readonly Buffer[] }): void {
    const { counted, sums } = this.#of(number);
    for (const [i, value] of range.records.entries()) {
      for (const event of eventsOf(value, range.from + i)) {
        const { organization, key, day, undated, quarter, thousandths } = event;
        const days = undated ? [day, day - 1, day + 1] : [day];
        if (days.some((of) => counted.has(`${organization} ${key} ${of}`))) continue;
        counted.add(`${organization} ${key} ${day}`);
        const name = `${organization}\ncalls\n${quarter}`;
        const sum = sums.get(name) ?? { thousandths: 0, count: 0 };
        sums.set(name, { thousandths: sum.thousandths + thousandths, count: sum.count + 1 });
      }
    }
  }

  /** The ledger's rows and sums, right after a commit. */
  committed({ partition: number, record, events, move, refusals }: Written, state: PartitionState): void {
    const { counted, sums, committed } = this.#of(number);
    if (state.events.size !== counted.size) {
      this.fail(`partition ${number} counts ${state.events.size} events, the log holds ${counted.size}`);
    }
    for (const [name, { thousandths, count }] of sums) {
      const total = state.totals.get(name);
      if (total?.thousandths !== thousandths || total.count !== count) {
        const words = `${total?.thousandths}/1000 in ${total?.count}, not ${thousandths}/1000 in ${count}`;
        this.fail(`partition ${number} sums ${name.replaceAll('\n', ' ')} to ${words}`);
      }
    }
    if (state.totals.size !== sums.size) this.fail(`partition ${number} sums what the log does not hold`);
    if (record === null) {
      this.fail(`partition ${number} commits without a ledger row`);
      return;
    }
    const range = committed.slice(move.from, move.to);
    const seen = range.reduce((sum, value) => sum + eventsOf(value, 0).length, 0);
    const foreign = range.filter((value) => !isOurs(value)).length;
    if (
      record.seen !== seen ||
      record.foreign !== foreign ||
      refusals !== foreign ||
      record.inserted !== events.length
    ) {
      this.fail(
        `partition ${number} ${move.from}-${move.to} records what it did not do: ${JSON.stringify(record)}`,
      );
    }
    this.#rowsAreOfTheLog(number, events);
  }

  #rowsAreOfTheLog(number: number, events: readonly CountedEvent[]): void {
    for (const { offset, index, organization, day } of events) {
      const value = this.#of(number).committed[offset];
      const event = value === undefined ? undefined : eventsOf(value, offset)[index];
      if (event?.organization !== organization || event.day !== day) {
        this.fail(`partition ${number} holds a row that is not the event at ${offset}.${index}`);
      }
    }
  }

  halted(number: number, code: string): void {
    const partition = this.#of(number);
    partition.halts.push(code);
    const mayHalt = code === 'range_failing' ? this.#wasPoisoned(number) : partition.mayHalt;
    if (!mayHalt || bugs.has(code)) this.fail(`partition ${number} halts by ${code} without a reason`);
  }

  #wasPoisoned(number: number): boolean {
    const { records, versions } = this.#log.of(number);
    return [{ records }, ...versions].some((version) => version.records.some(isPoison));
  }

  /** An operator started the offsets of a partition again: what was counted before counts on. */
  restarted(number: number, { partitions, topic }: Pick<SimulatedShard, 'partitions' | 'topic'>): void {
    const partition = this.#of(number);
    const { start, records } = this.#log.of(number);
    partition.first = start;
    partition.committed = records.slice(0, start);
    partition.mayHalt = false;
    // The topic is the shard's.
    for (const neighbour of partitions.keys()) this.#of(neighbour).topic = topic;
    this.logChanged();
  }

  /** The highest count that any read has answered. */
  countOf(organization: string): number {
    return this.#lastRead.get(organization) ?? 0;
  }

  /** Up to when any read has called a partition complete, in its newest generation. */
  throughOf(partition: number): Through {
    return this.#lastThrough.get(partition) ?? { generation: 0, ms: 0 };
  }

  /** An answer to a client: no count falls, and what it calls complete is. */
  read(
    at: {
      readonly organization: string;
      readonly partition: number;
      readonly generation: number;
      readonly nextOffset: number;
    },
    answer: {
      readonly count: number;
      readonly countMin: number;
      readonly freshness: Freshness;
      readonly throughMinMs: number;
    },
  ): void {
    const before = answer.countMin;
    if (answer.count < before)
      this.fail(`the count of ${at.organization} falls from ${before} to ${answer.count}`);
    this.#lastRead.set(at.organization, Math.max(this.countOf(at.organization), answer.count));
    const { observedAtMs, completeThroughMs, complete, inFlight } = answer.freshness;
    // Each of the three says it by itself; the latest moment says the most.
    const saysAll = complete || inFlight === false ? (observedAtMs ?? 0) : 0;
    const throughMs = Math.max(saysAll, completeThroughMs ?? 0);
    if (!this.judgesFreshness) return;
    const { partition: number, generation } = at;
    const saidMs = completeThroughMs ?? 0;
    if (saidMs < answer.throughMinMs)
      this.fail(`partition ${number} is complete through ${saidMs} only, after ${answer.throughMinMs}`);
    const last = this.throughOf(number);
    if (generation > last.generation || (generation === last.generation && saidMs > last.ms))
      this.#lastThrough.set(number, { generation, ms: saidMs });
    if (throughMs === 0) return;
    for (const { partition, offset, value, wallMs } of this.#acknowledged) {
      if (partition !== at.partition || wallMs >= throughMs || offset < at.nextOffset) continue;
      if (value === undefined || this.#log.of(partition).records[offset] !== value) continue;
      this.fail(`a read of ${at.organization} says complete, and ${partition} ${offset} is missing`);
    }
  }

  /** Once all trouble has ended: what is neither counted nor halted for a reason; null when nothing is. */
  unsettled(shards: readonly Pick<SimulatedShard, 'partitions'>[]): string | null {
    for (const { partitions } of shards) {
      const failing: string[] = [];
      for (const [number, { nextOffset, haltCode }] of partitions) {
        if (haltCode !== null) continue;
        const damage = this.#damaged(number);
        if (damage !== null) return `partition ${number} goes on, although ${damage}`;
        const { records } = this.#log.of(number);
        const newer = records.findIndex(
          (value, at) => at >= this.#of(number).first && isOurs(value) && readOf(value).kind === 'blocked',
        );
        const expected = newer < 0 ? records.length : newer;
        if (records.slice(nextOffset, expected).some(isPoison))
          failing.push(`partition ${number} goes on, although its range always fails`);
        else if (nextOffset !== expected)
          return `partition ${number} ends at ${nextOffset}, not at ${expected}`;
      }
      // Where nothing but failing ranges is left on a shard, nothing shows whose fault it is.
      if (failing.length === 1) return failing[0] ?? null;
    }
    return null;
  }

  #of(number: number): ModelPartition {
    const partition = this.#partitions.get(number);
    if (partition === undefined) throw new Error(`no partition ${number}`);
    return partition;
  }
}

/** Codes by which a partition halts for a mistake of ours, never for what happens to it. */
const bugs: ReadonlySet<string> = new Set(['invariant_broken', 'shard_refused']);

function isPoison(value: Buffer): boolean {
  return eventsOf(value, 0).some(({ organization }) => organization === poison);
}

function sha256(value: Buffer): string {
  return hash('sha256', value, 'hex');
}

function isOurs(value: Buffer): boolean {
  return value.length > 48 && value.toString('latin1', 0, 4) === 'ODOM';
}

const decoded = new WeakMap<Buffer, readonly Omit<ModelEvent, 'offset'>[]>();

function eventsOf(value: Buffer, offset: number): readonly ModelEvent[] {
  let events = decoded.get(value);
  if (events === undefined) {
    events = eventsIn(value);
    decoded.set(value, events);
  }
  return events.map((event) => ({ ...event, offset }));
}

/** Where a record is found is no question here: nothing in a history moves one. */
function readOf(value: Buffer): ReturnType<typeof decode> {
  return decode(value, value.readUInt16BE(6));
}

function eventsIn(value: Buffer): readonly Omit<ModelEvent, 'offset'>[] {
  if (!isOurs(value)) return [];
  const found = readOf(value);
  if (found.kind !== 'envelope') return [];
  return found.events.map(({ organization, quantity, key, eventTimeMs, undated }, index) => ({
    organization,
    key,
    day: Math.floor(eventTimeMs / dayLengthMs),
    undated,
    quarter: Math.floor(eventTimeMs / quarterLengthMs),
    thousandths: Math.round(Number(quantity) * 1000),
    index,
  }));
}
