/** Faults that are planted into a copy of the sources: the simulation must find each, or it would not find a real one. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type PlantedChange, withChange } from '../mutants/planted-change.ts';
import { type Failure, search } from './search.ts';

const sources = [
  ...['functions', 'shared', 'client', 'test/simulation', 'test/recount', 'test/harness/builders'],
  'package.json',
];
const root = join(import.meta.dirname, '..', '..');

/** The first failure among the first 1,000 seeds with the fault in a copy of the sources, or null. */
export async function findPlanted(fault: PlantedChange, seedsMax: number): Promise<Failure | null> {
  const copy = mkdtempSync(join(tmpdir(), 'odometer-planted-'));
  try {
    for (const source of sources) cpSync(join(root, source), join(copy, source), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const text = readFileSync(join(copy, fault.file), 'utf8');
    writeFileSync(join(copy, fault.file), withChange(text, fault));
    const { failures } = await search({ first: 0, count: seedsMax, failuresMax: 1, root: copy });
    return failures[0] ?? null;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const flusher = 'functions/flusher';
export const plantedFaults: readonly PlantedChange[] = [
  {
    name: 'only the last segment of a run is compared with the log',
    file: `${flusher}/next-range.ts`,
    find: 'segments.findIndex(({ meta }, i) => hashes[i] !== meta.recordHash)',
    replace:
      'segments.findIndex(({ meta }, i) => i === segments.length - 1 && hashes[i] !== meta.recordHash)',
  },
  {
    name: 'no segment is compared with the log',
    file: `${flusher}/next-range.ts`,
    find: 'segments.findIndex(({ meta }, i) => hashes[i] !== meta.recordHash)',
    replace: 'segments.findIndex(() => false && hashes)',
  },
  {
    name: 'another record below the next offset is taken for the committed one',
    file: `${flusher}/check-log.ts`,
    find: 'return same ? null : rewritten(offset + 1);',
    replace: 'return same || true ? null : rewritten(offset + 1);',
  },
  {
    name: 'a record below the next range is compared at the start of a pass only',
    file: `${flusher}/flush-shard.ts`,
    find: 'const outlook = { partition, next, committed, stored,',
    replace: 'const outlook = { partition, next, committed: committed && null, stored,',
  },
  {
    name: 'a halt that was decided for an earlier place is written down',
    file: 'test/simulation/ledger.ts',
    find: 'if (state.generation !== generation || state.nextOffset !== nextOffset) return;',
    replace: 'if (generation + nextOffset < 0) return;',
  },
  {
    name: 'a time-out halts a range of a shard that took no other work',
    file: `${flusher}/failing-range.ts`,
    find: 'failures.filter(({ suspicion }) => !suspicion.underLoad)',
    replace: 'failures.filter(({ suspicion }) => suspicion)',
  },
  {
    name: 'a range that always fails is tried for ever',
    file: `${flusher}/failing-range.ts`,
    find: 'const tooMany = times >= rangeFailuresMax;',
    replace: 'const tooMany = times >= 100 * rangeFailuresMax;',
  },
  {
    name: 'what was complete once is forgotten with a later look',
    file: 'test/simulation/ledger.ts',
    find: 'latest([...known, completeThroughMs])',
    replace: 'completeThroughMs ?? (known[0] ?? null)',
  },
  {
    name: 'a log that starts above the next offset goes on',
    file: `${flusher}/check-log.ts`,
    find: "if (bounds.start > nextOffset) return 'start-ahead';",
    replace: "if (bounds.start > nextOffset) return 'not-kept';",
  },
  {
    name: 'a log end below the next offset waits for ever',
    file: `${flusher}/check-log.ts`,
    find: 'atMs - behindSinceMs >= logEndBehindMs',
    replace: 'atMs - behindSinceMs >= 1000 * logEndBehindMs',
  },
  {
    name: 'a log end below the next offset halts at once',
    file: `${flusher}/check-log.ts`,
    find: 'atMs - behindSinceMs >= logEndBehindMs',
    replace: 'atMs - behindSinceMs >= 0',
  },
  {
    name: 'another topic of the same name is not noticed',
    file: `${flusher}/flush-shard.ts`,
    find: 'if ((await log.topicId()) !== topicId) {',
    replace: "if ((await log.topicId()) === topicId.concat('x')) {",
  },
  {
    name: 'a lost answer to COMMIT is taken for a commit',
    file: `${flusher}/commit-range.ts`,
    find: "return { event: next === from ? 'took-no-effect' : 'overtaken' };",
    replace: "return { event: 'took-effect', load: value };",
  },
  {
    name: 'a range with a counted key is not checked after all',
    file: `${flusher}/commit-range.ts`,
    find: "plan = { ...plan, state: 'checked', checkedRanges: checkedRangesAfterDuplicate };",
    replace: 'plan = { ...plan, checkedRanges: checkedRangesAfterDuplicate };',
  },
  {
    name: 'a range without a client timestamp is not checked',
    file: `${flusher}/commit-range.ts`,
    find: 'const checked = undated || checkedRanges > 0 || closedDays.size > 0;',
    replace: 'const checked = checkedRanges > 0 || closedDays.size > 0;',
  },
  {
    name: 'a duplicate inside a range is loaded and summed as it was folded',
    file: 'shared/ledger/deduplicate.ts',
    find: 'keysOfDay(countedByDay, row.day).set(row.keyHash, row);\n    } else {',
    replace: '\n    } else {',
  },
  {
    name: 'sums come from the rows before deduplication',
    file: 'shared/ledger/load.ts',
    find: 'for (const winner of winners) sums.addEvent(readRowUsage(winner.bytes, winner.at), winner);',
    replace: 'for (const row of open) sums.addEvent(readRowUsage(row.bytes, row.at), row);',
  },
  {
    name: 'keys counted by earlier ranges are not looked up',
    file: `${flusher}/commit-range.ts`,
    find: 'const counted = await moved.findCounted(probes);',
    replace: 'const counted = await moved.findCounted(probes.slice(1));',
  },
  {
    name: 'an undated event yields to its own day only',
    file: 'shared/ledger/deduplicate.ts',
    find: 'return row.undated ? [row.day, row.day - 1, row.day + 1] : [row.day];',
    replace: 'return [row.day];',
  },
  {
    name: 'a gap below a stored segment is skipped',
    file: `${flusher}/next-range.ts`,
    find: 'if (range.from > at || (run.length > 0 && events > commitEventsMax)) break;',
    replace: 'if (run.length > 0 && events > commitEventsMax) break;',
  },
  {
    name: 'the tail that nobody folds is never read',
    file: `${flusher}/log-history.ts`,
    find: 'atMs - oldest.atMs >= tailGapAgeMs ? oldest.end : 0;',
    replace: 'atMs - oldest.atMs >= 100 * tailGapAgeMs ? oldest.end : 0;',
  },
  {
    name: 'what is committed is called complete, whatever the log holds',
    file: `${flusher}/flush-shard.ts`,
    find: 'const completeThroughMs = reached?.stampMs ?? null;',
    replace: 'const completeThroughMs = stampMs;',
  },
  {
    name: 'a look is published whose end is not committed',
    file: `${flusher}/log-history.ts`,
    find: 'findLast(({ end }) => end <= nextOffset)',
    replace: 'findLast(({ end }) => end <= nextOffset + 1)',
  },
  {
    name: 'a request is answered when the first of its envelopes is durable',
    file: 'functions/ingest/group-commit.ts',
    find: 'if (ticket.unacknowledged > 0) return;',
    replace: '',
  },
  {
    name: 'the records from a stop on are folded away',
    file: `${flusher}/next-range.ts`,
    find: 'const dense = hole < 0 ? records : records.slice(0, hole);',
    replace: 'const dense = (hole < 0 ? records : records.slice(0, hole)).slice(1);',
  },
  {
    name: 'the hash of a range is that of its first segment',
    file: `${flusher}/commit-range.ts`,
    find: 'const lastHash = segments.at(-1)?.meta.recordHash;',
    replace: 'const lastHash = segments.at(0)?.meta.recordHash;',
  },
];

if (
  import.meta.main &&
  process.argv[1] !== undefined &&
  pathToFileURL(process.argv[1]).href === import.meta.url
) {
  const seedsMax = 1000;
  const lines: string[] = [];
  const [, , part = ''] = process.argv;
  for (const fault of plantedFaults.filter(({ name }) => name.includes(part))) {
    const found = await findPlanted(fault, seedsMax);
    const took = found === null ? 'NOT FOUND' : `${found.seed + 1}`;
    lines.push(
      `| ${fault.name} | ${took} | ${found?.violation.replace(/^\d+ ms: /, '').slice(0, 90) ?? ''} |`,
    );
    process.stderr.write(`${lines.at(-1)}\n`);
  }
  process.stdout.write(`| Planted | Found after | As |\n|---|---|---|\n${lines.join('\n')}\n`);
}
