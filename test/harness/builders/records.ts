/** Envelopes and log records with defaults; a test names only what it is about. */
import { crc32 } from 'node:zlib';
import { fingerprintOf } from '../../../shared/events/identity.ts';
import type { SealedEvent } from '../../../shared/events/usage-event.ts';
import { type EnvelopeVersion, encodeEnvelope, envelopeVersions } from '../../../shared/log/envelope.ts';

/** 2026-11-20T12:00:00Z. */
export const noonMs = Date.UTC(2026, 10, 20, 12);

export function sealedEvent(fields: Partial<SealedEvent> = {}): SealedEvent {
  const event = {
    organization: 'org_1',
    metric: 'api_calls',
    quantity: '1',
    idempotencyKey: 'key-1',
    eventTimeMs: noonMs,
    undated: false,
    dimensions: '',
    sealed: null,
    ...fields,
  };
  return { fingerprint: fingerprintOf({ ...event, propertiesDigest: null }), ...event };
}

export function envelope(
  events: readonly SealedEvent[],
  fields: { partition?: number; sequence?: number; createdAtMs?: number; version?: EnvelopeVersion } = {},
): Buffer {
  const { partition = 0, sequence = 0, createdAtMs = noonMs, version = 1 } = fields;
  return encodeEnvelope(
    { version, partition, sequence, createdAtMs, producerId: Buffer.alloc(16, 7) },
    events,
  );
}

/** An envelope of a version that only newer code writes; its checksum is right. */
export function newerEnvelope(partition = 0): Buffer {
  const bytes = envelope([sealedEvent()], { partition });
  bytes.writeUInt8(Math.max(...envelopeVersions) + 1, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
  return bytes;
}

/** Records at consecutive offsets from `from` on. */
export function records(values: readonly Buffer[], from = 0) {
  return values.map((value, i) => ({ offset: from + i, value }));
}
