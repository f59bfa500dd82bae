/**
 * The use case: decides by caller and clock which events of a request are accepted, and answers when they are
 * durable (U1). Later steps accept every event that is accepted here. Duplicates are not looked for: a retry gets
 * the same answer again.
 */
import { type Caller, mayReach } from '../../shared/callers/caller.ts';
import { OdometerError } from '../../shared/errors.ts';
import { noDimensions } from '../../shared/events/dimensions.ts';
import { fingerprintOf } from '../../shared/events/identity.ts';
import type { UsageEvent } from '../../shared/events/usage-event.ts';
import { dayMs, eventAgeDaysMax, eventAheadMinutesMax, eventYearMin } from '../../shared/limits.ts';
import { type Clock, later, type MonotonicMs } from '../../shared/runtime/clock.ts';
import { type Candidate, isRejection, type Rejection } from './candidate.ts';
import type { EnvelopeReceipt } from './partition-queue.ts';

export interface AcceptPorts {
  readonly clock: Clock;
  /** Resolves with a receipt per envelope once all are durable; throws a retryable error by the deadline. */
  readonly commit: (
    events: readonly UsageEvent[],
    deadlineMs: MonotonicMs,
  ) => Promise<readonly EnvelopeReceipt[]>;
  /** A new idempotency key for an event without one. */
  readonly makeKey: () => string;
  readonly digestProperties: (properties: string) => string;
  /** Whether the envelopes that are written carry dimensions. */
  readonly carriesDimensions: boolean;
}

export interface AcceptRequest {
  readonly caller: Caller;
  readonly items: readonly (Candidate | Rejection)[];
  /** The `Idempotency-Key` header: keys of events without one become `<header>:<index>`. */
  readonly keyPrefix: string | null;
  /** Where envelopes carry no dimensions: whether they are left out, because the client did not ask for any. */
  readonly mayLeaveDimensions?: boolean;
  /** One event that is not accepted refuses all of them. */
  readonly atomic: boolean;
  /** Called before an event can be stored: whatever fails from then on, the answer needs this for a safe retry. */
  readonly onMade: (made: ServerMade) => void;
  /** After this long the request is answered, even if its events are not durable yet. */
  readonly waitMs: number;
}

interface GeneratedKey {
  readonly index: number;
  readonly idempotencyKey: string;
}

/** A receipt of events of a request: that of the event at `indexes[n]` of the request is `<receipt>.<n>`. */
interface RequestReceipt {
  readonly receipt: string;
  readonly indexes: readonly number[];
}

/** What the server added to the events; a retry that sends it along counts once. */
export interface ServerMade {
  readonly keys: readonly GeneratedKey[];
  /** The event time given to events without a timestamp; null when every event had one. */
  readonly stampedAtMs: number | null;
}

export type AcceptOutcome =
  | {
      readonly kind: 'accepted';
      readonly accepted: number;
      readonly receipts: readonly RequestReceipt[];
      readonly rejected: readonly Rejection[];
      readonly made: ServerMade;
    }
  | {
      readonly kind: 'rejected';
      readonly rejected: readonly Rejection[];
      /** Events that would have been accepted without the others. */
      readonly valid: number;
    }
  | { readonly kind: 'unavailable'; readonly error: OdometerError };

export const organizationNotAllowed = 'organization_not_allowed';

/** Accepts what can be accepted. Expected failures are outcomes; only bugs throw. */
export async function acceptEvents(ports: AcceptPorts, request: AcceptRequest): Promise<AcceptOutcome> {
  const { accepted, indexes, rejected, made } = admitItems(ports, request);
  if (accepted.length === 0 || (request.atomic && rejected.length > 0)) {
    return { kind: 'rejected', rejected, valid: accepted.length };
  }
  request.onMade(made);
  try {
    const reached = await ports.commit(accepted, later(ports.clock.monotonic(), request.waitMs));
    const receipts = reached.map(({ receipt, positions }) => ({
      receipt,
      indexes: positions.flatMap((position) => indexes[position] ?? []),
    }));
    return { kind: 'accepted', accepted: accepted.length, receipts, rejected, made };
  } catch (error) {
    if (error instanceof OdometerError && error.retryable) return { kind: 'unavailable', error };
    throw error;
  }
}

interface Admission {
  readonly accepted: UsageEvent[];
  /** Index in the request of each accepted event. */
  readonly indexes: number[];
  readonly rejected: Rejection[];
  readonly made: { readonly keys: GeneratedKey[]; stampedAtMs: number | null };
}

function admitItems(ports: AcceptPorts, request: AcceptRequest): Admission {
  const nowMs = ports.clock.now();
  const admission: Admission = {
    accepted: [],
    indexes: [],
    rejected: [],
    made: { keys: [], stampedAtMs: null },
  };
  const { accepted, indexes, rejected, made } = admission;
  for (const given of request.items) {
    const item = ports.carriesDimensions || isRejection(given) ? given : withoutDimensions(given, request);
    if (isRejection(item)) {
      rejected.push(item);
      continue;
    }
    const rejection = rejectionOf(item, request, nowMs);
    if (rejection !== null) {
      rejected.push(rejection);
      continue;
    }
    if (item.eventTimeMs === null) made.stampedAtMs = nowMs;
    indexes.push(item.index);
    accepted.push(toUsageEvent(item, keyOf(item, request, ports, made.keys), nowMs, ports));
  }
  return admission;
}

function keyOf(
  candidate: Candidate,
  request: AcceptRequest,
  ports: AcceptPorts,
  keys: GeneratedKey[],
): string {
  if (candidate.idempotencyKey !== null) return candidate.idempotencyKey;
  if (request.keyPrefix !== null) return `${request.keyPrefix}:${candidate.index}`;
  const idempotencyKey = ports.makeKey();
  keys.push({ index: candidate.index, idempotencyKey });
  return idempotencyKey;
}

function toUsageEvent(
  candidate: Candidate,
  idempotencyKey: string,
  nowMs: number,
  { digestProperties }: AcceptPorts,
): UsageEvent {
  const { organization, metric, quantity, dimensions, properties } = candidate;
  const eventTimeMs = candidate.eventTimeMs ?? nowMs;
  const undated = candidate.eventTimeMs === null;
  const content = {
    organization,
    metric,
    quantity,
    idempotencyKey,
    eventTimeMs,
    undated,
    dimensions,
  };
  const propertiesDigest = properties === null ? null : digestProperties(properties);
  return { ...content, fingerprint: fingerprintOf({ ...content, propertiesDigest }), properties };
}

/** What becomes of an event where envelopes carry no dimensions. */
function withoutDimensions(candidate: Candidate, request: AcceptRequest): Candidate | Rejection {
  if (candidate.dimensions === noDimensions) return candidate;
  if (request.mayLeaveDimensions) return { ...candidate, dimensions: noDimensions };
  const message = 'dimensions are not accepted while this service is upgraded';
  return { index: candidate.index, code: 'dimensions_not_accepted', field: 'dimensions', message };
}

function rejectionOf(candidate: Candidate, request: AcceptRequest, nowMs: number): Rejection | null {
  const { caller, keyPrefix } = request;
  const { index } = candidate;
  if (!mayReach(caller, candidate.organization)) {
    const message = 'the caller may not report for this organization';
    return { index, code: organizationNotAllowed, field: 'organization_id', message };
  }
  if (candidate.quantity.startsWith('-') && !caller.scopes.has('correct')) {
    const message = 'a negative quantity needs the scope correct';
    return { index, code: 'negative_quantity', field: 'quantity', message };
  }
  if (candidate.idempotencyKey === null && keyPrefix === null && caller.keysRequired) {
    const message = 'this caller must send an idempotency key with every event';
    return { index, code: 'idempotency_key_required', field: 'idempotency_key', message };
  }
  const time =
    candidate.eventTimeMs === null
      ? null
      : timeProblemOf({ eventTimeMs: candidate.eventTimeMs, nowMs }, caller);
  return time === null ? null : { index, field: 'timestamp', ...time };
}

const minuteMs = 60_000;
const eventTimeMinMs = Date.UTC(eventYearMin, 0, 1);

function timeProblemOf(
  { eventTimeMs, nowMs }: { readonly eventTimeMs: number; readonly nowMs: number },
  caller: Caller,
): { readonly code: string; readonly message: string } | null {
  if (eventTimeMs > nowMs + eventAheadMinutesMax * minuteMs) {
    const message = `timestamp must be at most ${eventAheadMinutesMax} minutes ahead`;
    return { code: 'timestamp_ahead', message };
  }
  if (eventTimeMs < eventTimeMinMs) {
    return { code: 'timestamp_too_old', message: `timestamp must not be before the year ${eventYearMin}` };
  }
  if (eventTimeMs < nowMs - eventAgeDaysMax * dayMs && !caller.scopes.has('backfill')) {
    const message = `a timestamp more than ${eventAgeDaysMax} days old needs the scope backfill`;
    return { code: 'timestamp_too_old', message };
  }
  return null;
}
