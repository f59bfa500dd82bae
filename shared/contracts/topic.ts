import { logBatchBytesMax } from '../limits.ts';

/**
 * The topic of accepted events and its settings, once, for the local twin, CDK and compose.
 * `cleanup.policy=delete` and no transactions, so that offsets are dense (U7).
 */
export const usageTopic = {
  name: 'billing.usage.events',
  partitions: 20,
  consumerGroup: 'usage_processor_group',
  settings: {
    'cleanup.policy': 'delete',
    'retention.ms': String(30 * 24 * 60 * 60 * 1000),
    'retention.bytes': '-1',
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(logBatchBytesMax),
    'compression.type': 'producer',
  },
} as const;

/** The generation of a new topic's offsets; an operator counts it up when the offsets restart (U7). */
export const logGeneration = 1;
