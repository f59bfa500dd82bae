/** The log of accepted events (Kafka) in our words: offsets are safe integers, values are envelope bytes. */

/** One record to append: the bytes of one envelope for one partition. */
export interface Append {
  readonly partition: number;
  readonly value: Buffer;
}

/** Partition and offset of an appended record. */
export interface Appended {
  readonly partition: number;
  readonly offset: number;
}

/** Appends envelopes durably; what ingest needs of the log. */
export interface EventLogWriter {
  /**
   * The lane of a partition: one `append` at a time runs on a lane, and partitions of one lane are led by one broker.
   * A partition without a known leader has a lane of its own, so that it delays no other.
   */
  laneOf(partition: number): number;
  /**
   * Appends all records, resolves when every in-sync replica has them (U1), in the order given.
   * Throws OdometerError `log_unavailable` (retryable): then any part of them may be in the log.
   */
  append(records: readonly Append[]): Promise<readonly Appended[]>;
  close(): Promise<void>;
}

/** One record of a partition. */
export interface LogRecord {
  readonly offset: number;
  readonly value: Buffer;
}

/** `start` is the first offset still kept, `end` the offset that the next record will get. */
export interface LogBounds {
  readonly start: number;
  readonly end: number;
}

export interface LogRead {
  readonly partition: number;
  readonly from: number;
  /** Stop after about this many bytes; at least one record is returned if there is one. */
  readonly bytesMax: number;
}

/** Reads any offset of any partition without a consumer group; what the flusher needs of the log. */
export interface EventLogReader {
  /** Identity of the topic: another value means that offsets are not comparable (U7). */
  topicId(): Promise<string>;
  /**
   * Bounds of every partition, with metadata fetched for this call; a partition without a leader is missing, so
   * that it delays no other. Throws `log_unavailable`.
   */
  bounds(): Promise<ReadonlyMap<number, LogBounds>>;
  /**
   * Records with offset >= from, in offset order, per partition; an empty list where there is none (yet).
   * A list has no gap inside: it ends before one, and where `from` itself is missing it starts behind it. The records of
   * one partition come from one answer of its leader.
   * No reads, no request: an empty map. Throws `log_unavailable` (retryable), or `offset_out_of_range` where retention has removed `from`.
   */
  read(reads: readonly LogRead[]): Promise<ReadonlyMap<number, readonly LogRecord[]>>;
  /** The same log, where every request names this topic: one that was made again under its name throws `log_unavailable`. */
  ofTopic(topicId: string): TopicReader;
  close(): Promise<void>;
}

/** Reads one topic by its id; what is committed is read by this. */
export interface TopicReader extends Pick<EventLogReader, 'read'> {
  /**
   * SHA-256, in hex, of the record at each of these offsets of one partition, in the order given; null where the log
   * holds none (any more, or yet). Throws `log_unavailable` (retryable).
   */
  recordHashes(partition: number, offsets: readonly number[]): Promise<readonly (string | null)[]>;
}
