import type { Logger } from '../../shared/runtime/logger.ts';
import { EventSourceMapping, type MappingLimits } from './event-source-mapping.ts';
import type { GroupConsumer, GroupConsumerOptions } from './group-consumer.ts';
import type { EventSource } from './msk-event.ts';

/** A partition with more than this waiting is not polled until an invocation took some. */
const waitingBytesMax = 2 * 1024 * 1024;

export interface PollOptions {
  readonly source: EventSource;
  readonly groupId: string;
  readonly invoke: (event: unknown) => Promise<unknown>;
  readonly logger: Logger;
  readonly start: (options: GroupConsumerOptions) => GroupConsumer;
  readonly limits?: MappingLimits;
}

/** Joins the group and feeds an event source mapping; answers how to stop. */
export function pollInto({ groupId, start, ...options }: PollOptions): () => Promise<void> {
  const { source, logger } = options;
  const mapping = new EventSourceMapping({
    ...options,
    commit: (next) => consumer.commit(next),
    onTaken: (partition) => {
      if (mapping.bytesOf(partition) < waitingBytesMax) consumer.resume(partition);
    },
  });
  const consumer = start({
    ...source,
    groupId,
    logger,
    onJoined: () => mapping.reset(),
    onRecords: (partition, records) => {
      if (mapping.offer(partition, records) >= waitingBytesMax) consumer.pause(partition);
    },
  });
  return async () => {
    await mapping.stop();
    await consumer.stop();
  };
}
