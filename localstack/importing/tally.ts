/** What became of the rows of one import, in words that fit a screen whatever the file holds. */
import type { BatchResult } from '../../client/bodies.ts';
import type { RefusedRow, Row } from './to-row.ts';

/** Rows that were not accepted for one reason. */
export interface Refusals {
  readonly count: number;
  /** The first few, by line number. */
  readonly lines: readonly number[];
  /** What was said of the first of them. */
  readonly example: string;
}

export interface ImportReport {
  readonly accepted: number;
  readonly refused: number;
  /** By code and field. */
  readonly refusals: ReadonlyMap<string, Refusals>;
  /** Accepted rows whose event time is when they were sent. */
  readonly undated: number;
  /** Accepted rows whose key was made from their content. */
  readonly keysMade: number;
  readonly seconds: number;
}

const linesShownMax = 5;
/** Names of unknown fields are the file's own: as many groups as a screen has lines, then one for the others. */
const groupsMax = 50;
const otherGroup = 'other reasons';

export class Tally {
  #accepted = 0;
  #refused = 0;
  #undated = 0;
  #keysMade = 0;
  readonly #refusals = new Map<string, Refusals>();

  get rows(): number {
    return this.#accepted + this.#refused;
  }

  addBatch(batch: readonly Row[], result: BatchResult): void {
    const rejected = new Map(result.rejected.map((rejection) => [rejection.index, rejection]));
    for (const [index, { line, event, keyMade }] of batch.entries()) {
      const rejection = rejected.get(index);
      if (rejection !== undefined) {
        this.#refuse(`${rejection.code} ${rejection.field}`.trim(), line, rejection.message);
        continue;
      }
      this.#accepted++;
      if (event.timestamp === undefined) this.#undated++;
      if (keyMade) this.#keysMade++;
    }
  }

  addRefused({ code, line, message }: RefusedRow): void {
    this.#refuse(code, line, message);
  }

  report(seconds: number): ImportReport {
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      refusals: this.#refusals,
      undated: this.#undated,
      keysMade: this.#keysMade,
      seconds,
    };
  }

  // Same type: a reason is a code and a field and groups, a message is prose and is shown.
  #refuse(reason: string, line: number, message: string): void {
    this.#refused++;
    const group = this.#refusals.has(reason) || this.#refusals.size < groupsMax ? reason : otherGroup;
    const known = this.#refusals.get(group) ?? { count: 0, lines: [], example: message };
    // Batches end in any order; the first lines are the lowest ones.
    const lines = [...known.lines, line].sort((a, b) => a - b).slice(0, linesShownMax);
    const example = lines[0] === line ? message : known.example;
    this.#refusals.set(group, { count: known.count + 1, lines, example });
  }
}

/** The report as lines for the screen. */
export function reportLines(report: ImportReport): readonly string[] {
  const { accepted, refused, refusals, undated, keysMade, seconds } = report;
  const rate = Math.round((accepted + refused) / Math.max(seconds, 0.001));
  const lines = [`accepted ${accepted}, rejected ${refused}, ${seconds.toFixed(1)} s, ${rate} events/s`];
  for (const [reason, { count, lines: first, example }] of refusals) {
    const more = count > first.length ? ', ...' : '';
    lines.push(`  ${printable(reason)}: ${count} (line ${first.join(', ')}${more}): ${printable(example)}`);
  }
  if (undated > 0)
    lines.push(`  ${undated} lines have no timestamp: imported on another day, they count again`);
  if (keysMade > 0) {
    const rule = 'equal lines of another file are the same events, unless --source names another origin';
    lines.push(`  ${keysMade} lines have no idempotency_key: ${rule}`);
  }
  return lines;
}

/** Names from the file could move the cursor of a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\u{fffd}').slice(0, 300);
}
