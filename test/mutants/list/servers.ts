/** What staged histories find on real servers, with the model of the simulation beside them. */
import type { Mutant } from '../mutant.ts';

const file = 'test/fault/same-model.test.ts';

export const serverMutants: readonly Mutant[] = [
  {
    name: 'only the last stored segment of a range is compared with the log',
    rule: 'U6',
    file: 'functions/flusher/next-range.ts',
    find: 'segments.findIndex(({ meta }, i) => hashes[i] !== meta.recordHash)',
    replace:
      'segments.findIndex(({ meta }, i) => i === segments.length - 1 && hashes[i] !== meta.recordHash)',
    test: { file, title: 'stale-segment-in-a-run.json' },
  },
  {
    name: 'a flusher that was overtaken moves the offset all the same',
    rule: 'U3',
    file: 'shared/ledger/postgres/sql/move-progress.sql',
    find: 'next_offset = $2',
    replace: '$2::int8 is not null',
    test: { file, title: 'a held flusher that is overtaken' },
  },
  {
    name: 'COMMIT without an answer is taken for a commit',
    rule: 'U2',
    file: 'functions/flusher/commit-range.ts',
    find: "return { event: next === from ? 'took-no-effect' : 'overtaken' };",
    replace: "return { event: next === from ? 'took-effect' : 'took-effect', load: value };",
    test: { file, title: 'lost answers to COMMIT' },
  },
  {
    name: 'a log that was written past a lost tail goes on',
    rule: 'U7',
    file: 'functions/flusher/check-log.ts',
    find: 'return same ? null : rewritten(offset + 1);',
    replace: 'return same || true ? null : rewritten(offset + 1);',
    test: { file, title: 'a log that loses its tail' },
  },
];
