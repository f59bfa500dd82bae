/** What became of the rows of one import, in words that fit a screen whatever the file holds. */
import type { BatchResult } from '../../client/bodies.ts';
import type { FileReading } from './read-rows.ts';
import type { RefusedRow, Row, SkippedRow } from './to-row.ts';

/** Rows with one thing in common. */
interface RowGroup {
  readonly count: number;
  /** The first few, by line number. */
  readonly lines: readonly number[];
  /** What was said of the first of them. */
  readonly example: string;
}

/**
 * Every row that was read is skipped, or became at least one event, or is rejected as a whole: where a row is one
 * event, accepted, refused and skipped rows add up to the rows that were read.
 */
export interface ImportReport {
  /** Rows of the file. */
  readonly read: number;
  /** Rows that the mapping says are no usage. */
  readonly skipped: number;
  /** Events; and rows that cannot be read, with `refused`. */
  readonly accepted: number;
  readonly refused: number;
  /** By code and field. */
  readonly refusals: ReadonlyMap<string, RowGroup>;
  /** By reason. */
  readonly skips: ReadonlyMap<string, RowGroup>;
  /** Accepted events whose time is when they were sent. */
  readonly undated: number;
  /** Accepted events whose key was made from their content. */
  readonly keysMade: number;
  /** Why the import ended before the file did; null where it did not. */
  readonly stopped: string | null;
  readonly seconds: number;
}

/** More rejects than this end an import. A share is looked at once there is something to take it of. */
export type ErrorLimit = { readonly count: number } | { readonly percent: number };
export const shareEventsMin = 1000;

const linesShownMax = 5;
/** Names of unknown fields are the file's own: as many groups as a screen has lines, then one for the others. */
const groupsMax = 50;
const otherGroup = 'other reasons';

class Groups {
  readonly all = new Map<string, RowGroup>();

  // Same type: a reason is a code and a field and groups, a message is prose and is shown.
  add(reason: string, line: number, message: string): void {
    const group = this.all.has(reason) || this.all.size < groupsMax ? reason : otherGroup;
    const known = this.all.get(group) ?? { count: 0, lines: [], example: message };
    // Batches end in any order; the first lines are the lowest ones.
    const lines = [...known.lines, line].sort((a, b) => a - b).slice(0, linesShownMax);
    const example = lines[0] === line ? message : known.example;
    this.all.set(group, { count: known.count + 1, lines, example });
  }
}

export interface TallyOptions {
  readonly errorLimit?: ErrorLimit | undefined;
  /** Takes every row and every event that is not accepted. */
  readonly onRefused?: (row: RefusedRow) => void;
}

export class Tally {
  #read = 0;
  #skipped = 0;
  #accepted = 0;
  #refused = 0;
  #undated = 0;
  #keysMade = 0;
  #stopped: string | null = null;
  readonly #refusals = new Groups();
  readonly #skips = new Groups();
  readonly #options: TallyOptions;

  constructor(options: TallyOptions = {}) {
    this.#options = options;
  }

  get read(): number {
    return this.#read;
  }

  addBatch(batch: readonly Row[], result: BatchResult): void {
    const rejected = new Map(result.rejected.map((rejection) => [rejection.index, rejection]));
    for (const [index, row] of batch.entries()) {
      this.#addRead(row);
      const rejection = rejected.get(index);
      if (rejection !== undefined) {
        const { code, field, message } = rejection;
        const key = row.keyMade ? (row.event.idempotency_key ?? null) : null;
        this.#refuse({ ...row, kind: 'refused', code, field, message, key });
        continue;
      }
      this.#accepted++;
      if (row.event.timestamp === undefined) this.#undated++;
      if (row.keyMade) this.#keysMade++;
    }
  }

  addRefused(row: RefusedRow): void {
    this.#addRead(row);
    this.#refuse(row);
  }

  /** Counts a row once, whatever number of events it becomes. */
  #addRead({ part }: { readonly part: number }): void {
    if (part === 0) this.#read++;
  }

  #refuse(row: RefusedRow): void {
    this.#refused++;
    this.#refusals.add(`${row.code} ${row.field}`.trim(), row.line, row.message);
    this.#options.onRefused?.(row);
  }

  addSkipped({ line, reason }: SkippedRow): void {
    this.#read++;
    this.#skipped++;
    this.#skips.add(reason, line, '');
  }

  /** Whether nothing more is to be sent, which then is why the import ended early. */
  shouldStop(): boolean {
    this.#stopped ??= this.#excess();
    return this.#stopped !== null;
  }

  #excess(): string | null {
    const limit = this.#options.errorLimit;
    if (limit === undefined) return null;
    if ('count' in limit) return this.#refused > limit.count ? `more than ${limit.count} rejected` : null;
    const all = this.#accepted + this.#refused;
    if (all < shareEventsMin || 100 * this.#refused <= limit.percent * all) return null;
    return `more than ${limit.percent}% rejected`;
  }

  report(seconds: number): ImportReport {
    return {
      read: this.#read,
      skipped: this.#skipped,
      accepted: this.#accepted,
      refused: this.#refused,
      refusals: this.#refusals.all,
      skips: this.#skips.all,
      undated: this.#undated,
      keysMade: this.#keysMade,
      stopped: this.#stopped,
      seconds,
    };
  }
}

export function describeReading({ form, packing, mapping, detected }: FileReading): string {
  const known = detected ? ', known by its columns' : '';
  return `${form}${packing === null ? '' : ` in ${packing}`} as ${mapping}${known}`;
}

/** The report as lines for the screen. */
export function reportLines(report: ImportReport, reading: FileReading): readonly string[] {
  const { read, accepted, refused, skipped, undated, keysMade, stopped, seconds } = report;
  const rate = Math.round((accepted + refused) / Math.max(seconds, 0.001));
  const { place } = reading;
  const lines = [
    `read ${read} rows of ${describeReading(reading)}`,
    `accepted ${accepted}, rejected ${refused}, skipped ${skipped}, ${seconds.toFixed(1)} s, ${rate} events/s`,
    ...groupLines(report.refusals, place),
    ...groupLines(report.skips, place, 'skipped: '),
  ];
  if (stopped !== null) lines.push(`  ended early: ${stopped}`);
  if (undated > 0)
    lines.push(`  ${undated} events have no timestamp: imported on another day, they count again`);
  if (keysMade > 0) {
    const rule = 'equal rows of another file are the same events, unless --source names another origin';
    lines.push(`  ${keysMade} events have no idempotency_key: ${rule}`);
  }
  return lines;
}

// Same type: a place is line or row, and what is in front of a reason ends with a colon.
function groupLines(groups: ReadonlyMap<string, RowGroup>, place: string, front = ''): readonly string[] {
  return [...groups].map(([reason, { count, lines, example }]) => {
    const more = count > lines.length ? ', ...' : '';
    const said = example === '' ? '' : `: ${printable(example)}`;
    return `  ${front}${printable(reason)}: ${count} (${place} ${lines.join(', ')}${more})${said}`;
  });
}

/** Names from the file could move the cursor of a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\u{fffd}').slice(0, 300);
}
