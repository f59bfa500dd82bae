/** Walks one partition of the log from its first record and says what a shard must hold of it. */
import type { ClosedDays } from './closed-days.ts';
import { CommitTally } from './commit-tally.ts';
import { isCountable } from './countable.ts';
import { toUnits } from './decimal.ts';
import type { DimensionSets } from './dimension-sets.ts';
import { decode, type LoggedEnvelope } from './envelope.ts';
import type { Findings } from './findings.ts';
import { dayOf, FirstOfKey } from './first-of-key.ts';
import { fingerprintOf, keyHashOf, sha256 } from './hashes.ts';
import { HourSums } from './hour-sums.ts';
import type { LoggedRecord } from './log.ts';
import type { LoggedEvent } from './logged-event.ts';
import type { Producers } from './producers.ts';
import type { Commit, Kept, ShardProgress, ShardRow } from './shard.ts';

/** What one shard says about the partition, apart from the rows. */
export interface Claims {
  readonly shard: number;
  readonly progress: ShardProgress;
  readonly commits: readonly Commit[];
  readonly quarantine: readonly Kept[];
  readonly closed: ClosedDays;
  readonly sets: DimensionSets;
  /** What the commits before these have closed. */
  readonly closedBefore: number;
}

/** Counts over the committed part of all partitions, and of what is behind it. */
export interface LogCounts {
  records: number;
  events: number;
  counted: number;
  duplicates: number;
  conflicts: number;
  quarantined: number;
  foreign: number;
  skipped: number;
  recordsInFlight: number;
  eventsInFlight: number;
  /** Events whose fingerprint is not the documented one; ingest's matter, so reported and not judged. */
  fingerprintsOff: number;
}

export interface SharedTallies {
  readonly findings: Findings;
  readonly producers: Producers;
  readonly counts: LogCounts;
  /** The partition in which each organization was first seen. */
  readonly homes: Map<string, number>;
}

const closedDay = 'day_closed';

export class PartitionWalk {
  readonly sums = new HourSums();
  readonly conflicts = new Set<string>();
  readonly #partition: number;
  readonly #claims: Claims;
  readonly #shared: SharedTallies;
  readonly #kept: Map<string, Kept>;
  readonly #firsts = new FirstOfKey();
  #tally = new CommitTally();
  #commit = 0;
  #closedBefore: number;
  #seen = 0;
  #expected: ShardRow[] = [];

  constructor(claims: Claims, shared: SharedTallies) {
    this.#partition = claims.progress.partition;
    this.#claims = claims;
    this.#closedBefore = claims.closedBefore;
    this.#shared = shared;
    this.#kept = new Map(claims.quarantine.map((kept) => [`${kept.offset}/${kept.index}`, kept]));
  }

  /** Takes a row whose record the log no longer holds: its key makes duplicates of what follows. */
  takeOlder(row: ShardRow): void {
    this.#firsts.add(row);
  }

  /** Takes records in offset order; returns the events among them that count. */
  take(records: readonly LoggedRecord[]): readonly ShardRow[] {
    this.#expected = [];
    for (const record of records) this.#takeRecord(record);
    return this.#expected;
  }

  /** Closes the last commit and reports what the shard holds too much of. */
  finish(): void {
    this.#closeCommits(Number.POSITIVE_INFINITY);
    for (const [place, { code }] of this.#kept) {
      this.#shared.findings.add('quarantine', `${this.#at(place)} kept as ${code}, but the log counts it`);
    }
    const claimed = this.#claims.commits.reduce((sum, commit) => sum + commit.seen, 0);
    if (claimed !== this.#seen) {
      const text = `partition ${this.#partition}: headers count ${this.#seen}, the ledger ${claimed}`;
      this.#shared.findings.add('sum_of_seen', text);
    }
  }

  #takeRecord({ offset, value }: LoggedRecord): void {
    const { counts, findings, producers } = this.#shared;
    const { nextOffset, recordHash } = this.#claims.progress;
    const decoded = decode(value, this.#partition);
    counts.records += 1;
    if (decoded.kind === 'envelope') producers.add(decoded.producer, decoded.sequence);
    if (offset >= nextOffset) {
      counts.recordsInFlight += 1;
      counts.eventsInFlight += decoded.kind === 'envelope' ? decoded.count : 0;
      return;
    }
    this.#closeCommits(offset);
    if (offset === nextOffset - 1 && recordHash !== null && recordHash !== sha256(value)) {
      findings.add('record_hash', `${this.#at(offset)} is not the record that was committed last`);
    }
    if (this.#claims.commits[this.#commit]?.source === 'decision') {
      counts.skipped += 1;
    } else if (decoded.kind === 'envelope') {
      this.#takeEnvelope(offset, decoded);
    } else if (decoded.kind === 'foreign') {
      this.#takeForeign(offset, value);
    } else {
      findings.add('blocked_committed', `${this.#at(offset)} cannot be read: ${decoded.reason}`);
    }
  }

  #takeForeign(offset: number, value: Buffer): void {
    this.#shared.counts.foreign += 1;
    this.#tally.foreign += 1;
    const place = `${offset}/-1`;
    if (this.#kept.get(place)?.bytesHash !== sha256(value)) {
      this.#shared.findings.add('quarantine', `${this.#at(place)} is foreign, but not kept as it is`);
    }
    this.#kept.delete(place);
  }

  #takeEnvelope(offset: number, envelope: LoggedEnvelope): void {
    this.#seen += envelope.count;
    this.#tally.seen += envelope.count;
    this.#shared.counts.events += envelope.count;
    for (const [index, event] of envelope.events.entries()) this.#takeEvent(offset, index, event, envelope);
  }

  // Same type: the order of a place in the log; the recount's tests fail for any other.
  #takeEvent(offset: number, index: number, event: LoggedEvent, envelope: LoggedEnvelope): void {
    const { counts } = this.#shared;
    const place = `${offset}/${index}`;
    this.#checkHome(event.organization);
    if (this.#isKeptAside(place, event)) {
      this.#tally.quarantined += 1;
      counts.quarantined += 1;
      return;
    }
    const day = dayOf(event.eventTimeMs);
    const verdict = this.#firsts.take({ ...event, day }, this.#closedBefore);
    if (verdict === 'counts') {
      counts.counted += 1;
      const row = this.#toRow(offset, index, event, envelope);
      const { sets, closed } = this.#claims;
      const set = sets.setOf(row);
      this.#tally.addRow(row, set);
      if (!closed.hasTime(event.eventTimeMs)) {
        sets.add(row, set);
        this.#expect(row);
      }
      const fingerprint = fingerprintOf(event);
      if (fingerprint !== undefined && fingerprint !== event.fingerprint) counts.fingerprintsOff += 1;
      return;
    }
    this.#tally.duplicate += 1;
    counts.duplicates += 1;
    if (verdict === 'conflict') {
      counts.conflicts += 1;
      this.conflicts.add(place);
    }
  }

  /** A row that the shard must hold, and that is in the totals. */
  #expect(row: ShardRow): void {
    this.sums.add(row.organization, row.metric, row.eventTimeMs, toUnits(row.quantity));
    this.#expected.push(row);
  }

  #isKeptAside(place: string, event: LoggedEvent): boolean {
    const kept = this.#kept.get(place);
    this.#kept.delete(place);
    const countable = isCountable(event);
    const closed = countable && dayOf(event.eventTimeMs) < this.#closedBefore;
    if (closed !== (kept?.code === closedDay)) {
      const text = closed
        ? 'is of a closed day, but not kept as that'
        : 'is kept as of a closed day, but its day is open';
      this.#shared.findings.add('quarantine', `${this.#at(place)} ${text}`);
    }
    if (kept === undefined && !countable) {
      this.#shared.findings.add('quarantine', `${this.#at(place)} cannot be counted, but is not kept aside`);
    }
    if (kept !== undefined && countable && kept.code !== closedDay) {
      this.#shared.findings.add(
        'quarantine',
        `${this.#at(place)} is kept as ${kept.code}, but can be counted`,
      );
    }
    return kept !== undefined || !countable || closed;
  }

  #checkHome(organization: string): void {
    const { homes, findings } = this.#shared;
    const home = homes.get(organization);
    if (home === undefined) homes.set(organization, this.#partition);
    else if (home !== this.#partition) {
      findings.add('organization_split', `${organization}: partitions ${home} and ${this.#partition}`);
    }
  }

  // Same type: as for `#takeEvent`.
  #toRow(offset: number, index: number, event: LoggedEvent, envelope: LoggedEnvelope): ShardRow {
    const { organization, metric, dimensions, quantity, key, eventTimeMs, undated, fingerprint } = event;
    return {
      shard: this.#claims.shard,
      partition: this.#partition,
      generation: this.#claims.progress.generation,
      offset,
      index,
      organization,
      metric,
      dimensions,
      quantity,
      key,
      eventTimeMs,
      createdAtMs: envelope.createdAtMs,
      day: dayOf(eventTimeMs),
      undated,
      keyHash: keyHashOf(event),
      fingerprint,
      properties: propertiesOf(index, event, envelope),
    };
  }

  #closeCommits(offset: number): void {
    const { commits } = this.#claims;
    for (let commit = commits[this.#commit]; commit !== undefined && commit.to <= offset; ) {
      this.#tally.compare(this.#partition, commit, this.#shared.findings);
      this.#closedBefore = Math.max(this.#closedBefore, this.#claims.closed.closedBefore([commit]));
      this.#tally = new CommitTally();
      this.#commit += 1;
      commit = commits[this.#commit];
    }
  }

  #at(place: string | number): string {
    return `partition ${this.#partition} at ${place}`;
  }
}

/** The documented column as hex digits: version 1, producer, sequence, index, ciphertext. */
function propertiesOf(index: number, event: LoggedEvent, envelope: LoggedEnvelope): string | null {
  if (event.sealed === null) return null;
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(envelope.sequence), 0);
  nonce.writeUInt32BE(index, 8);
  const parts = [
    Buffer.of(1),
    Buffer.from(envelope.producer, 'hex'),
    nonce,
    Buffer.from(event.sealed, 'base64'),
  ];
  return Buffer.concat(parts).toString('hex');
}
