import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { afterEach, expect, it, vi } from 'vitest';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';

afterEach(() => {
  vi.useRealTimers();
});

function newQueue(): RequestQueue {
  return new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1000, logger: { debug: () => {} } });
}

it('an idle connection sets no timer, so none in the past', () => {
  createKafka({ bootstrapServers: 'localhost:1' });
  vi.useFakeTimers();
  const queue = newQueue();
  queue.checkPendingRequests();
  expect(vi.getTimerCount()).toBe(0);
});

it('a throttled connection looks again when the throttle ends', () => {
  createKafka({ bootstrapServers: 'localhost:1' });
  vi.useFakeTimers();
  const queue = newQueue();
  queue.throttledUntil = Date.now() + 500;
  queue.checkPendingRequests();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(501);
  expect(vi.getTimerCount()).toBe(0);
});

it('nothing of the process itself is replaced', () => {
  const { emitWarning } = process;
  createKafka({ bootstrapServers: 'localhost:1' });
  expect(process.emitWarning).toBe(emitWarning);
  expect(emitWarning.name).toBe('emitWarning');
});
