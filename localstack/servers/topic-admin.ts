import { setTimeout as sleep } from 'node:timers/promises';
import type { ITopicConfig } from 'kafkajs';
import { invariant, OdometerError } from '../../shared/errors.ts';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';
import type { LogConnection } from '../../shared/log/kafka/log-connection.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { logUnavailable, toLogError } from '../../shared/log/kafka/log-unavailable.ts';

const brokerStartMs = 60_000;
const attemptPauseMs = 300;

export interface TopicPlan extends LogConnection {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Creates the topic unless it exists and answers its id. Waits while the broker starts, a minute at most.
 * Throws `invariant_broken` when the topic exists with another partition count: organizations are routed by it.
 */
export async function ensureTopic(plan: TopicPlan): Promise<{ topicId: string }> {
  const deadline = performance.now() + brokerStartMs;
  for (;;) {
    try {
      return await createTopic(plan);
    } catch (error) {
      const bug = error instanceof OdometerError && error.code === 'invariant_broken';
      if (bug || performance.now() > deadline) throw error;
      await sleep(attemptPauseMs);
    }
  }
}

async function createTopic(plan: TopicPlan): Promise<{ topicId: string }> {
  const { topic, partitions } = plan;
  const admin = createKafka(plan).admin();
  const reader = createLogReader(plan);
  try {
    await admin.connect();
    // Answers false, and changes nothing, when the topic exists.
    await admin.createTopics({ topics: [toKafkaTopic(plan)], waitForLeaders: false });
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
    const found = metadata.topics[0]?.partitions ?? [];
    invariant(
      found.length === partitions,
      `topic ${topic} has ${found.length} partitions, not ${partitions}`,
    );
    // A broker learns that it leads a new partition a little after the metadata say so.
    const led = (await reader.bounds()).size;
    if (led < partitions) throw logUnavailable(`topic ${topic} waits for leaders`);
    return { topicId: await reader.topicId() };
  } catch (error) {
    throw toLogError('Kafka does not answer yet', error);
  } finally {
    await Promise.allSettled([admin.disconnect(), reader.close()]);
  }
}

function toKafkaTopic(plan: TopicPlan): ITopicConfig {
  return {
    topic: plan.topic,
    numPartitions: plan.partitions,
    replicationFactor: plan.replicationFactor,
    configEntries: Object.entries(plan.settings).map(([name, value]) => ({ name, value })),
  };
}
