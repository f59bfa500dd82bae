/** Entry of the `consumer` process: the event source mapping in front of the consumer function. */

import { ENV_KAFKA_BOOTSTRAP_SERVERS, ENV_KAFKA_TOPIC } from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { invariant } from '../../shared/errors.ts';
import { consumerTimeoutMs } from '../../shared/limits.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { startGroupConsumer } from './group-consumer.ts';
import { createInvoke } from './invoke.ts';
import { loadHandler } from './load-handler.ts';
import { onStop } from './on-stop.ts';
import { pollInto } from './poll-into.ts';

const name = 'consumer';
const environment = processEnvironment();
const logger = createLogger(name, environment);
const bootstrapServers = environment[ENV_KAFKA_BOOTSTRAP_SERVERS];
invariant(bootstrapServers !== undefined, `${ENV_KAFKA_BOOTSTRAP_SERVERS} is not set`);
const topic = environment[ENV_KAFKA_TOPIC] ?? usageTopic.name;
const invoke = createInvoke({ name, handler: await loadHandler(name), timeoutMs: consumerTimeoutMs, logger });
const { consumerGroup: groupId } = usageTopic;
onStop(pollInto({ source: { topic, bootstrapServers }, groupId, invoke, logger, start: startGroupConsumer }));
logger.info({ topic, groupId }, 'the event source mapping runs');
