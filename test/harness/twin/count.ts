import { usageTopic } from '../../../shared/contracts/topic.ts';
import { recount } from '../../recount/recount.ts';
import { rowsOf } from '../pipeline/isolation.ts';
import type { Twin } from './twin.ts';

/** Events that the four shards of a twin have counted. */
export async function countedEvents(twin: Twin): Promise<number> {
  const counts = await Promise.all(
    twin.endpoints().shards.map((url) => rowsOf(url, 'select count(*)::int as n from usage_events')),
  );
  return counts.reduce((sum, [row]) => sum + Number(row?.['n']), 0);
}

/** What the recount finds different between a twin's log, to its end, and its shards. */
export async function differencesOf(twin: Twin) {
  const { kafka, shards } = twin.endpoints();
  return (await recount({ kafka, topic: usageTopic.name, shards, complete: true })).differences;
}
