import type { EventLogReader, LogRecord } from '../../../shared/log/event-log.ts';

/** A log of one partition in memory: `values` from offset `start` on. */
export function fakeLog(partition: number, values: readonly Buffer[], start = 0): EventLogReader {
  const records: LogRecord[] = values.map((value, i) => ({ offset: start + i, value }));
  return {
    topicId: async () => 'topic-1',
    bounds: async () => new Map([[partition, { start, end: start + values.length }]]),
    read: async (reads) => new Map(reads.map((read) => [read.partition, recordsFrom(records, read.from)])),
    close: async () => {},
  };
}

function recordsFrom(records: readonly LogRecord[], from: number): readonly LogRecord[] {
  return records.filter(({ offset }) => offset >= from);
}
