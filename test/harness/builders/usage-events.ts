/** Accepted events with defaults; a test names only what it is about. */
import type { UsageEvent } from '../../../shared/events/usage-event.ts';
import { testNowMs } from '../fakes/clock.ts';

export function usageEvent(fields: Partial<UsageEvent> = {}): UsageEvent {
  return {
    organization: 'org_1',
    metric: 'api_calls',
    quantity: '1',
    idempotencyKey: 'key',
    eventTimeMs: testNowMs,
    undated: false,
    dimensions: '',
    fingerprint: 'a'.repeat(32),
    properties: null,
    ...fields,
  };
}

export function manyEvents(count: number, fields: Partial<UsageEvent> = {}): UsageEvent[] {
  return Array.from({ length: count }, (_, i) => usageEvent({ idempotencyKey: `key-${i}`, ...fields }));
}
