/** Answers about single events; importing this has no effect. */
import { z } from 'zod';

const time = z.iso.datetime();
const day = z.iso.date();
/** The hash of a ledger row: what `operate verify` and the logged heads know a commit by. */
const commit = z.hash('sha256');

/** A counted event. Its properties are sealed: whoever answers has no key to them. */
const countedEventSchema = z.strictObject({
  receipt: z.string(),
  organization_id: z.string(),
  metric_name: z.string(),
  quantity: z.string(),
  idempotency_key: z.string(),
  timestamp: time,
  /** The timestamp is the stamp of ingest. */
  stamped: z.boolean(),
  has_properties: z.boolean(),
  accepted_at: time,
  counted_at: time,
  commit,
});

export type CountedEventAnswer = z.output<typeof countedEventSchema>;

const conflictField = z.enum(['metric_name', 'quantity', 'timestamp', 'dimensions', 'properties']);

const fateStatuses = [
  'counted',
  'duplicate',
  'conflict',
  'quarantined',
  'in_flight',
  'skipped',
  'closed',
  'not_counted',
  'lost',
  'undetermined',
] as const;

/** What became of an event. */
export const fateSchema = z.strictObject({
  receipt: z.string(),
  status: z.enum(fateStatuses),
  /** What the status means, for people. */
  detail: z.string(),
  organization_id: z.string().nullable(),
  accepted_at: time,
  counted_at: time.optional(),
  /** Of what is committed and not counted. */
  committed_at: time.optional(),
  commit: commit.optional(),
  /** null: its day is closed. */
  duplicate_of: countedEventSchema.nullable().optional(),
  /** Only where the log still holds the event. */
  different_fields: z.array(conflictField).optional(),
  undetermined_fields: z.array(conflictField).optional(),
  quarantine_code: z.string().optional(),
});

export type FateAnswer = z.output<typeof fateSchema>;

/** `unknown`: never given out, or given out for an organization that the caller may not reach. */
const unknownReceiptSchema = z.strictObject({ receipt: z.string(), status: z.literal('unknown') });

export const fatesSchema = z.strictObject({
  receipts: z.array(z.union([fateSchema, unknownReceiptSchema])),
});

const keyConflictSchema = z.strictObject({
  timestamp_day: day,
  first_day: day,
  found_at: time,
});

export const eventsSchema = z.strictObject({
  organization_id: z.string(),
  /** Newest first. */
  events: z.array(countedEventSchema),
  next_cursor: z.string().optional(),
});

export const keyEventsSchema = z.strictObject({
  organization_id: z.string(),
  idempotency_key: z.string(),
  events: z.array(countedEventSchema),
  conflicts: z.array(keyConflictSchema),
});

/** Two counted events of one key on neighbouring days: perhaps one event and a retry with another timestamp. */
export const restampedSchema = z.strictObject({
  organization_id: z.string(),
  suspects: z.array(z.strictObject({ event: countedEventSchema, day_before: countedEventSchema })),
  next_cursor: z.string().optional(),
});

export const keptConflictsSchema = z.strictObject({
  conflicts: z.array(
    z.strictObject({
      organization_id: z.string(),
      partition: z.int(),
      offset: z.int(),
      index: z.int(),
      timestamp_day: day,
      first_day: day,
      found_at: time,
    }),
  ),
  next_cursor: z.string().optional(),
  /** Shards that did not answer; their entries are missing. */
  unavailable: z.array(z.string()),
});

const keptRecord = {
  entry: z.string(),
  partition: z.int(),
  offset: z.int(),
  /** -1: a whole record. */
  index: z.int(),
  code: z.string(),
  size: z.int(),
  quarantined_at: time,
};

export const quarantineSchema = z.strictObject({
  entries: z.array(z.strictObject(keptRecord)),
  next_cursor: z.string().optional(),
  unavailable: z.array(z.string()),
});

/** One entry. `replay`: a body for `POST /api/v1/usage/events`, null where the bytes are no event. */
export const quarantineEntrySchema = z.strictObject({
  ...keptRecord,
  /** base64 */
  bytes: z.string(),
  replay: z
    .strictObject({
      organization_id: z.string(),
      metric_name: z.string(),
      quantity: z.string(),
      idempotency_key: z.string(),
      timestamp: time,
      dimensions: z.record(z.string(), z.string()).optional(),
    })
    .nullable(),
  /** It had properties, which only the sender can send again. */
  has_properties: z.boolean(),
});
