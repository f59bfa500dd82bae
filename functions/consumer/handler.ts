/** Lambda `consumer`: records of the log in, segments in the store out. */
import type { MSKEvent } from 'aws-lambda';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { consumerConfig } from './config.ts';
import { fromMskEvent, type KafkaBatchResponse, toBatchResponse } from './from-msk-event.ts';
import { type StoreSegmentsPorts, storeSegments } from './store-segments.ts';

export type ConsumerHandler = (event: MSKEvent) => Promise<KafkaBatchResponse>;

/** The consumer over the given ports; its answer lists the partitions that must wait, and where. */
export function build(segmentKey: Buffer, ports: StoreSegmentsPorts): ConsumerHandler {
  return async (event) => {
    return toBatchResponse(await storeSegments(fromMskEvent(event), segmentKey, ports));
  };
}

async function start(given: FunctionStart): Promise<ConsumerHandler> {
  const { loadAndWatch, keep, onRefused, logger, metrics } = given;
  const config = await loadAndWatch(consumerConfig);
  const segments = keep(createSegmentStore({ ...config.redis, onRefused }));
  return build(config.segmentKey, { segments, logger, metrics, clock: systemClock });
}

const { started } = functionStart('consumer', start);

/** AWS Lambda entry: an MSK event source mapping with ReportBatchItemFailures and infinite retries. */
export async function handler(event: MSKEvent): Promise<KafkaBatchResponse> {
  const consume = await started();
  return consume(event);
}
