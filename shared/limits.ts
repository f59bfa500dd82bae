/**
 * Every bound of the system, unit last, with the relations between them asserted when this file is loaded.
 * A bare tuning number anywhere else is a mistake.
 */
import { invariant } from './errors.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What one request may carry (API Gateway's own limit is 10 MB). */
export const batchEventsMax = 1000;
/** Bytes of a body once it is unpacked. */
export const bodyBytesMax = 1 * mebibyte;

/** Messages of an OTLP export, in JSON its objects and lists: what it takes to read one grows with them, not with its bytes. */
export const otlpMessagesMax = 50_000;

/** Names of organizations and metrics: host names and addresses are real ids. */
export const nameCharsMax = 128;
export const idempotencyKeyBytesMax = 512;
export const propertiesMax = 32;
export const propertyNameCharsMax = 64;
export const propertiesBytesMax = 4 * kibibyte;
/** Labels by which totals are kept apart. */
export const dimensionsMax = 8;
export const dimensionNameCharsMax = 64;
export const dimensionValueCharsMax = 128;
/** Sets of one organization, metric and event day that are kept apart; also in `migrations/014_dimensions.sql`. */
export const dimensionSetsMax = 1000;

/** A quantity's digits; sums have no limit (U13). */
export const quantityIntegerDigitsMax = 20;
export const quantityFractionDigitsMax = 18;
/** Longest quantity text that is looked at: sign, digits, point, exponent and generous zeros. */
export const quantityCharsMax = 128;

/** How old and how far ahead an event's timestamp may be; older needs scope `backfill`. */
export const eventAgeDaysMax = 35;
export const eventAheadMinutesMax = 5;
export const eventYearMin = 2000;
/** Event days of a request, an envelope, a segment, a range; `migrations/009_month_leaves.sql` keeps days above `eventAgeDaysMax` by month. */
export const eventDaysMax = 64;

/** One Kafka record. */
export const envelopeBytesMax = 256 * kibibyte;
/** What the log takes at once of one partition; the topic's `max.message.bytes`. */
export const logBatchBytesMax = 4 * mebibyte;
/** Envelopes of one partition in one produce request. */
export const produceEnvelopesMax = 8;
export const produceTimeoutMs = 5000;
/** What ingest holds before it answers 503: accepted bodies whose envelopes are not acknowledged. */
export const inFlightEventsMax = 50_000;
export const inFlightBytesMax = 32 * mebibyte;
/** Of these one organization holds a quarter at most, so that its flood leaves room for the others. */
export const organizationInFlightEventsMax = inFlightEventsMax / 4;
export const organizationInFlightBytesMax = inFlightBytesMax / 4;
export const lingerMsDefault = 5;
/** A request is answered after this long, or this much before its invocation ends, whatever the log does. */
export const acceptWaitMsMax = 2 * produceTimeoutMs;
export const answerReserveMs = 500;
/** Last resort: a request still without an answer gets 503 this long before its invocation would be killed. */
export const lateAnswerMs = 200;
/** How often deadlines of waiting requests are looked at. */
export const deadlineCheckMs = 250;

/** MSK event source mapping: records and bytes of one invocation (6 MB of JSON), and its time. */
export const invocationRecordsMax = 5000;
export const invocationPayloadBytesMax = 6_000_000;
export const batchingWindowMs = 100;
export const consumerTimeoutMs = 30_000;
/** A batch that took longer, folded and stored, is warned of: an ordinary one takes a tenth. */
export const slowBatchMs = 2000;

/** The quota of a caller is for a window of this length; and the largest quota that a setting may name. */
export const requestWindowMs = 1000;
export const callerRequestsPerSecondMax = 1_000_000;
/** A request waits this long for its count at most, then it passes uncounted. */
export const requestCountTimeoutMs = 20;

/** The consumer waits this long for Redis, then leaves the range to the log (U6). */
export const segmentAppendTimeoutMs = 250;
export const segmentEventsMax = 10_000;
export const segmentBytesMax = 8 * mebibyte;
/** Segments of one partition in Redis; above it the flusher reads the log. */
export const partitionSegmentBytesMax = 32 * mebibyte;
/** More refused events than this in one range is our bug or newer code: the partition waits. */
export const refusedEventsMax = 10;

/** One commit. */
export const commitEventsMax = 20_000;
/** After a duplicate was found, this many ranges of the partition are checked before they are loaded. */
export const checkedRangesAfterDuplicate = 50;
/** A gap at the log's tail is read from the log when it is this old: the consumer may still be at it. */
export const tailGapAgeMs = 5000;
/** Records read from the log in one go for a gap, and for the batch of the record below it. */
export const gapReadBytesMax = 4 * mebibyte + logBatchBytesMax;
export const segmentRangesMax = 256;

/**
 * The flusher: one invocation's budget of the schedule's minute, with time for its last pass before the next tick, the
 * pause between passes, the last start.
 */
export const flusherBudgetMs = 55_000;
export const flusherTimeoutMs = 100_000;
export const flusherPauseMs = 500;
export const transactionStartRemainingMs = 20_000;
/** A range that took longer, found, folded and committed, is warned of: an ordinary one takes a tenth. */
export const slowRangeMs = 5000;
/** A pass commits ranges of one partition for this long, then it is the next one's turn: whoever is behind takes many. */
export const partitionTurnMs = 2000;
/** A range that fails this often, at passes this far apart, while other work on its shard succeeds, halts its partition. */
export const rangeFailuresMax = 5;
export const rangeFailureGapMs = 10_000;
/** A log end below `next_offset` for this long, with fresh metadata, halts the partition (U7). */
export const logEndBehindMs = 60_000;
/** Writer sessions. */
export const lockTimeoutMs = 5000;
export const statementTimeoutMs = 30_000;
/**
 * A change of the schema waits this long for a lock, because everybody who comes after it waits behind it; then it lets
 * them pass and tries again, and after `migrationWaitMsMax` it gives up.
 */
export const migrationLockTimeoutMs = 2000;
export const migrationPauseMs = 3000;
export const migrationWaitMsMax = 10 * 60_000;
export const idleInTransactionTimeoutMs = 15_000;
export const stuckTransactionMs = 60_000;
/** Any answer of a shard; later than the server's own limit, so that the server says first what it was. */
export const shardAnswerTimeoutMs = 35_000;
export const shardConnectTimeoutMs = 5000;
export const shardIdleMs = 60_000;
/** Connections of one process to one shard, beside the one of each partition that it writes. */
export const shardControlConnectionsMax = 2;
export const shardReadConnectionsMax = 8;
export const readStatementTimeoutMs = 10_000;
/** An answer to a reader; later than the server's own limit, and earlier than API Gateway's. */
export const readAnswerTimeoutMs = 12_000;
/** The first answer on a connection that slept, of a shard or the log: one that died without a word is found out. */
export const wakeAnswerTimeoutMs = 2000;
/** `verify` reads a whole day in one statement, and the ledger in pages. */
export const verifyStatementTimeoutMs = 30 * 60 * 1000;
export const verifyPageRows = 5000;
/** Totals of one shard that `verify` lists; an answer of Lambda has 6 MB. */
export const verifyTotalsMax = 1000;
/** Quarantined records or conflicts in a list of the operator. */
export const listedRowsMax = 1000;
/** Of quarantined bytes of one shard in a list: four shards as base64 are below the 6 MB that Lambda answers. */
export const listedBytesMax = 1 * mebibyte;
/** Of one quarantined record in a list; a whole one may be larger than an answer of Lambda. */
export const listedRecordBytesMax = listedBytesMax / 2;
/** A day is closed so long after its last event could be accepted: clocks differ, and requests take time. */
export const closingMarginMs = 60 * 60 * 1000;
/** Days that one closing closes: each is in the ledger row of each partition. */
export const closedDaysMax = 400;
/** Logged heads that one `verify` compares: a week of minutes of five partitions, 5.5 of an invocation's 6 MB. */
export const loggedHeadsMax = 7 * 24 * 60 * 5;

export const bucketCount = 1024;
export const shardCount = 4;
export const quarterHourMs = 15 * 60 * 1000;
export const dayMs = 24 * 60 * 60 * 1000;

/** A look at the log says nothing of the present when it is older. */
export const observationAgeMsMax = 5000;
/** So much older may a look be whose end is committed, to be published instead of the newest one. */
export const observationLagMsMax = 2500;

/** Receipts that one request looks up. */
export const receiptsMax = 1000;
/** Bytes of one read of the log for receipts, where the next record is within so many offsets; else it is one record. */
export const receiptReadBytesMax = 1 * mebibyte;
export const receiptReadOffsetsMax = 32;
/** Clocks of ingest and shards differ by less: a commit that is older than an event by more did not take it. */
export const clocksDifferMsMax = 60_000;
/** Events of one page, and the quarter hours of totals that are looked into for it. */
export const listedEventsMax = 1000;
export const listedQuartersMax = 200;
/** Counted events, and conflicts, of one idempotency key in one answer: one event a day. */
export const keyEventsMax = 1000;

/** How long one summary may look at. */
export const summaryDaysMax = 366;
/** Metrics in one answer; what follows is asked for by a cursor. */
export const summaryMetricsMax = 1000;

/** How long a dependency may take to show that it is there. */
export const readinessTimeoutMs = 2000;
/** How long an answer about the dependencies serves whoever asks next: anybody may ask, and each answer asks them all. */
export const readinessAgeMsMax = 2000;

/** One request to the service that keeps secrets; repeated once. */
export const secretsTimeoutMs = 3000;
/** Refused credentials make a function read its secrets again, at most this often. */
export const credentialsRenewalMs = 30_000;
/** Secrets that no server checks are read again at this age, or after the shorter time where that failed. */
export const secretsAgeMsMax = 60_000;
export const secretsRetryMs = 30_000;

/** Bearer tokens: clocks of issuer and authorizer may differ; a longer token is not looked at. */
export const tokenClockToleranceSeconds = 30;
export const tokenCharsMax = 8192;
/** What an authorizer remembers of verified tokens: so much longer than its key a token is accepted. */
export const verifiedTokensMax = 1000;
export const verifiedTokenAgeMsMax = 60_000;
/** The issuer's key set: how long it is believed, how soon an unknown key id asks again, how long that takes. */
export const tokenKeysAgeMsMax = 60_000;
/** And how long while it cannot be fetched. */
export const tokenKeysStaleMsMax = 10 * 60_000;
export const tokenKeysCooldownMs = 30_000;
export const tokenKeysTimeoutMs = 3000;

/** API keys that are neither revoked nor expired; each authorizer holds all of them. */
export const apiKeysMax = 5000;
/** Of one owner: the key in use, and the one that takes its place. */
export const apiKeysPerOwnerMax = 2;
/** A key's organizations as one text, as API Gateway passes them on. */
export const apiKeyOrganizationsCharsMax = 2048;
export const apiKeyDaysMax = 3650;
/** How long a rotated key goes on. */
export const apiKeyGraceHoursDefault = 24;
export const apiKeyGraceHoursMax = 7 * 24;
/** Keys in one answer of a shard; four of them are an answer of Lambda, which has 6 MB. */
export const apiKeyPageRows = 500;
/** How long an authorizer believes its list: a revoked key is accepted for so long. */
export const apiKeyListAgeMsMax = 30_000;
/** How soon a key that is not in the list makes it ask again, and how soon a list that could not be read. */
export const apiKeyListCooldownMs = 1000;
export const apiKeyListRetryMs = 2000;
/** How long the list goes on beyond its age while no shard answers. */
export const apiKeyListStaleMsMax = 10 * 60_000;
/** One shard's answer. When the first shard has answered, the others have the shorter time. */
export const apiKeyAnswerTimeoutMs = 4000;
export const apiKeyLateAnswerMs = 500;
/** The answer to an authorizer outside of the network; it has ten seconds, and the first answer may need a start. */
export const apiKeyFunctionTimeoutMs = 6000;
/** How often an authorizer says that one key was used, how often it says so of any, and of how many at once. */
export const apiKeyUseMs = 60_000;
export const apiKeyUsesPauseMs = 1000;
export const apiKeyUsesMax = 1000;
/** A change is acknowledged by this many shards at least, so one of `apiKeyComparedShardsMin` has it. */
export const apiKeyChangedShardsMin = 2;
export const apiKeyComparedShardsMin = 3;
/** One request or comparison of the function `keys`: as long as API Gateway waits. */
export const keysTimeoutMs = 29_000;
/** How long a shard answers for keys after it was compared with others, which is done each minute. */
export const apiKeyComparedMsMax = 15 * 60_000;
/** What API Gateway may remember of an authorizer's answer. */
export const authorizedSeconds = 30;

/** Figures of the pipeline: the window of the ledger that rates are taken from. */
export const metricsWindowSeconds = 60;
/** How long a source of figures may take before it counts as down. */
export const metricsSourceTimeoutMs = 3000;
/** A function writes its figures at most this often: a line a request, batch or pass would cost more than it says. */
export const metricsPublishMs = 10_000;

invariant(
  batchEventsMax < organizationInFlightEventsMax,
  'one request must fit the share of its organization',
);
invariant(5 * bodyBytesMax < organizationInFlightBytesMax, 'by bytes too, as an envelope may need them');
invariant(propertiesBytesMax * 4 < envelopeBytesMax, 'the largest event must fit an envelope');
invariant(eventAgeDaysMax < eventDaysMax, 'events that need no scope fit one request, whatever their days');
invariant(produceEnvelopesMax * envelopeBytesMax < logBatchBytesMax, 'a produce must fit max.message.bytes');
invariant(
  gapReadBytesMax >= 2 * logBatchBytesMax,
  'a read that begins with the last committed record reaches the next batch',
);
invariant(
  deadlineCheckMs + lateAnswerMs < answerReserveMs,
  'a late request must be seen before its invocation ends',
);
invariant(observationLagMsMax < observationAgeMsMax, 'what is published says something of the present');
invariant(observationAgeMsMax <= tailGapAgeMs, 'the history of looks is as long');
invariant(slowBatchMs < consumerTimeoutMs, 'a slow batch must be able to end and be warned of');
invariant(slowRangeMs < transactionStartRemainingMs, 'and so must a slow range');
invariant(segmentEventsMax <= commitEventsMax, 'one segment must fit one commit');
invariant(segmentBytesMax < partitionSegmentBytesMax, 'one segment must fit a partition in Redis');
invariant(
  flusherBudgetMs + shardAnswerTimeoutMs < flusherTimeoutMs,
  'an invocation that waits for a silent shard ends before its kill',
);
invariant(
  statementTimeoutMs < shardAnswerTimeoutMs,
  'the server ends a statement before its client gives up',
);
invariant(migrationLockTimeoutMs < lockTimeoutMs, 'a migration that waits makes no commit give up');
invariant(readStatementTimeoutMs < readAnswerTimeoutMs, 'and so it does for readers');
invariant(
  apiKeyChangedShardsMin + apiKeyComparedShardsMin > shardCount,
  'of the shards that were compared one has every change that was acknowledged',
);
invariant(
  apiKeyListAgeMsMax + authorizedSeconds * 1000 <= 60_000,
  'a revoked key is refused after a minute at the latest',
);
invariant(transactionStartRemainingMs < flusherBudgetMs, 'a pass must be able to start');
invariant(
  idleInTransactionTimeoutMs < stuckTransactionMs,
  'a live transaction is never taken for a stuck one',
);
