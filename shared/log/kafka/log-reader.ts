/**
 * Reads the log without a consumer group, by raw fetches of @platformatic/kafka (kafkajs cannot read a partition
 * from an offset). Requests are sessionless, one per leader, so nothing is remembered between two reads.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchV13, listOffsetsV7 } from '@platformatic/kafka';
import { invariant, OdometerError } from '../../errors.ts';
import { recordHashOf } from '../envelope.ts';
import type { EventLogReader, LogBounds, LogRead, LogRecord, TopicReader } from '../event-log.ts';
import { fromKafkaBatches } from './fetched-records.ts';
import { KafkaCluster, type Node, partOf } from './kafka-cluster.ts';
import type { LogConnection } from './log-connection.ts';
import { logUnavailable, toLogError } from './log-unavailable.ts';

/** A broker with nothing to send answers after this long. */
const fetchWaitMs = 10;
const leaderPauseMs = 100;
const fetchBytesMax = 50 * 1024 * 1024;
/** A fetch names a partition once, so each record is a fetch of its own; each may bring a batch of some megabytes. */
const hashFetchesMax = 8;
const readUncommitted = 0;
/** Session epoch -1 is a fetch outside of any session. */
const noSession = -1;
const anyEpoch = -1;
const latest = -1n;
const earliest = -2n;
const offsetOutOfRange = 1;

export interface LogReaderOptions extends LogConnection {
  readonly topic: string;
}

/** A reader of one topic; connects with its first call. */
export function createLogReader(options: LogReaderOptions): EventLogReader {
  const { topic } = options;
  const cluster = new KafkaCluster(options, topic);
  return {
    topicId: () => attempt(cluster, async () => (await cluster.metadata()).topicId),
    bounds: () => attempt(cluster, () => readBoundsTwice(cluster, topic)),
    read: (reads) => readTopic(cluster, { reads }),
    ofTopic: (topicId) => createTopicReader(cluster, topicId),
    close: () => cluster.close(),
  };
}

function createTopicReader(cluster: KafkaCluster, topicId: string): TopicReader {
  return {
    read: (reads) => readTopic(cluster, { reads, topicId }),
    recordHashes: async (partition, offsets) => {
      const hashes: (string | null)[] = [];
      for (let first = 0; first < offsets.length; first += hashFetchesMax) {
        const some = offsets.slice(first, first + hashFetchesMax);
        hashes.push(
          ...(await Promise.all(
            some.map((from) => attempt(cluster, () => hashAt(cluster, { partition, from, topicId }))),
          )),
        );
      }
      return hashes;
    },
  };
}

/** What is read in one go; `topicId` where only this topic will do. */
interface TopicReads {
  readonly reads: readonly LogRead[];
  readonly topicId?: string;
}

async function readTopic(
  cluster: KafkaCluster,
  asked: TopicReads,
): Promise<ReadonlyMap<number, readonly LogRecord[]>> {
  if (asked.reads.length === 0) return new Map<number, LogRecord[]>();
  return attempt(cluster, () => readRecords(cluster, asked));
}

async function hashAt(
  cluster: KafkaCluster,
  { partition, from, topicId }: Pick<LogRead, 'partition' | 'from'> & Required<Pick<TopicReads, 'topicId'>>,
): Promise<string | null> {
  try {
    const reads = [{ partition, from, bytesMax: 1 }];
    const records = await readRecords(cluster, { reads, topicId });
    const record = records.get(partition)?.[0];
    return record?.offset === from ? recordHashOf(record.value) : null;
  } catch (error) {
    if (error instanceof OdometerError && error.code === 'offset_out_of_range') return null;
    throw error;
  }
}

/** After a failure, which may be a moved leader or a broken idle connection, tries once more with fresh metadata. */
async function attempt<T>(cluster: KafkaCluster, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OdometerError && error.code !== 'log_unavailable') throw error;
  }
  try {
    await cluster.refresh();
    return await work();
  } catch (error) {
    throw toLogError('Kafka cannot be read', error);
  }
}

/** Looks twice where a leader may just have moved; a partition that still has none is missing. */
async function readBoundsTwice(
  cluster: KafkaCluster,
  topic: string,
): Promise<ReadonlyMap<number, LogBounds>> {
  const bounds = await readBounds(cluster, topic);
  if (bounds.size === (await cluster.metadata()).partitions) return bounds;
  await sleep(leaderPauseMs);
  return readBounds(cluster, topic);
}

async function readBounds(cluster: KafkaCluster, topic: string): Promise<ReadonlyMap<number, LogBounds>> {
  const { leaders } = await cluster.refresh();
  const byNode = Map.groupBy(leaders.keys(), (partition) => leaders.get(partition));
  const bounds = new Map<number, LogBounds>();
  await Promise.all(
    [...byNode].map(async ([node, partitions]) => {
      if (node === undefined) return;
      const start = await listOffsets(cluster, node, topic, partitions, earliest);
      const end = await listOffsets(cluster, node, topic, partitions, latest);
      for (const partition of partitions) {
        const [first, next] = [start.get(partition), end.get(partition)];
        if (first !== undefined && next !== undefined) bounds.set(partition, { start: first, end: next });
      }
    }),
  );
  return bounds;
}

async function listOffsets(
  cluster: KafkaCluster,
  node: Node,
  topic: string,
  partitions: readonly number[],
  timestamp: bigint,
): Promise<ReadonlyMap<number, number>> {
  const asked = partitions.map((partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: anyEpoch,
    timestamp,
  }));
  const connection = await cluster.connect(node);
  const answer = await listOffsetsV7.api
    .async(connection, -1, readUncommitted, [{ name: topic, partitions: asked }])
    .catch(partOf<listOffsetsV7.ListOffsetsResponse>);
  const offsets = answer.topics
    .flatMap(({ partitions: found }) => found)
    .filter((part) => part.errorCode === 0);
  return new Map(offsets.map(({ partitionIndex, offset }) => [partitionIndex, toOffset(offset)]));
}

async function readRecords(
  cluster: KafkaCluster,
  { reads, topicId: expected }: TopicReads,
): Promise<ReadonlyMap<number, readonly LogRecord[]>> {
  const { topicId, leaders } = await cluster.metadata();
  // A fetch names the topic by this id, so no broker answers it from another one.
  if (expected !== undefined && topicId !== expected)
    throw logUnavailable(`the topic is ${topicId}, and ${expected} is asked for`);
  const byNode = Map.groupBy(reads, ({ partition }) => leaders.get(partition));
  const records = new Map<number, readonly LogRecord[]>();
  await Promise.all(
    [...byNode].map(async ([node, ofNode]) => {
      if (node === undefined) throw logUnavailable(`partition ${ofNode[0]?.partition} has no leader`);
      const starved = await fetch(cluster, node, topicId, ofNode, records);
      // Kafka promises a batch above the byte limit only to the first partition of a request.
      for (const read of starved) await fetch(cluster, node, topicId, [read], records);
    }),
  );
  return records;
}

/** Adds the records to `records`; answers the reads that got none although there are some. */
async function fetch(
  cluster: KafkaCluster,
  node: Node,
  topicId: string,
  reads: readonly LogRead[],
  records: Map<number, readonly LogRecord[]>,
): Promise<readonly LogRead[]> {
  const bytesMax = reads.reduce((sum, read) => sum + read.bytesMax, 0);
  const partitions = reads.map(({ partition, from, bytesMax: partitionMaxBytes }) => ({
    partition,
    currentLeaderEpoch: anyEpoch,
    fetchOffset: BigInt(from),
    lastFetchedEpoch: anyEpoch,
    partitionMaxBytes,
  }));
  const connection = await cluster.connect(node);
  const limit = Math.min(bytesMax, fetchBytesMax);
  const answer = await fetchV13.api
    .async(
      connection,
      fetchWaitMs,
      1,
      limit,
      readUncommitted,
      0,
      noSession,
      [{ topicId, partitions }],
      [],
      '',
    )
    .catch(partOf<fetchV13.FetchResponse>);
  if (answer.errorCode !== 0) throw logUnavailable(`Kafka error ${answer.errorCode} of a fetch`);
  const found = new Map(
    answer.responses.flatMap((response) => response.partitions.map((part) => [part.partitionIndex, part])),
  );
  return reads.filter((read) => {
    const part = found.get(read.partition);
    if (part === undefined || part.errorCode !== 0) throw refusedRead(read, part?.errorCode);
    const list = fromKafkaBatches(part.records ?? [], read.from);
    records.set(read.partition, list);
    return list.length === 0 && part.highWatermark > BigInt(read.from) && reads.length > 1;
  });
}

function refusedRead({ partition, from }: LogRead, errorCode: number | undefined): OdometerError {
  if (errorCode !== offsetOutOfRange)
    return logUnavailable(`partition ${partition}: Kafka error ${errorCode}`);
  const message = `offset ${from} of partition ${partition} is not in the log`;
  return new OdometerError('offset_out_of_range', message, { retryable: false });
}

function toOffset(offset: bigint): number {
  const number = Number(offset);
  invariant(Number.isSafeInteger(number), `offset ${offset} is beyond 2^53`);
  return number;
}
