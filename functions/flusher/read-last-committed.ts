import { failure } from '../../shared/errors.ts';
import type { Progress } from '../../shared/ledger/shard-ledger.ts';
import type { LogBounds, LogRead, LogRecord, TopicReader } from '../../shared/log/event-log.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { committedRecord } from './check-log.ts';

/** Where partitions are, and where their log begins and ends. */
interface Positions {
  readonly progress: readonly Progress[];
  readonly bounds: ReadonlyMap<number, LogBounds>;
}

interface Ports {
  readonly log: TopicReader;
  readonly logger: Logger;
}

/**
 * What the log holds where each partition's last committed record is. All in one request; where that fails each by itself,
 * and what then is not read was not delivered. Never throws.
 */
export async function readLastCommitted(
  positions: Positions,
  ports: Ports,
): Promise<ReadonlyMap<number, readonly LogRecord[]>> {
  const reads = readsOf(positions);
  try {
    return await ports.log.read(reads);
  } catch (error) {
    ports.logger.warn(failure(error), 'last records not read at once, each by itself');
    return readEach(reads, ports);
  }
}

function readsOf({ progress, bounds }: Positions): readonly LogRead[] {
  return progress.flatMap((row) => {
    const bound = bounds.get(row.partition);
    const reaches = bound !== undefined && bound.end >= row.nextOffset;
    const committed = reaches ? committedRecord(row, bound) : null;
    return committed === null ? [] : [{ partition: row.partition, from: committed.offset, bytesMax: 1 }];
  });
}

async function readEach(
  reads: readonly LogRead[],
  { log, logger }: Ports,
): Promise<ReadonlyMap<number, readonly LogRecord[]>> {
  const found = new Map<number, readonly LogRecord[]>();
  const readOne = async (read: LogRead) => {
    try {
      for (const [partition, records] of await log.read([read])) found.set(partition, records);
    } catch (error) {
      logger.warn({ partition: read.partition, ...failure(error) }, 'last record not read');
    }
  };
  await Promise.all(reads.map(readOne));
  return found;
}
