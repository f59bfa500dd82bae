/**
 * The event source mapping of a deployed consumer where nothing polls Kafka for it: reads the mapping from the
 * synthesized template and invokes the deployed function, as `localstack/runtime/consumer.ts` does in process.
 */

import { invocationPayloadBytesMax } from '../../shared/limits.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { startGroupConsumer } from '../runtime/group-consumer.ts';
import { onStop } from '../runtime/on-stop.ts';
import { pollInto } from '../runtime/poll-into.ts';
import { deployedInvoke } from './invoke.ts';
import { type DeployedOptions, runStandIn, standIn } from './stand-in.ts';
import { deployedName, readMapping } from './template.ts';

const logger = createLogger('poller', processEnvironment());

await runStandIn(
  standIn('poller', 'Polls Kafka for the event source mapping of a deployed App stack.')
    .requiredOption('--kafka <servers>', 'bootstrap servers, host:port,...')
    .action(poll),
);

async function poll({ stack, template, kafka }: DeployedOptions & { readonly kafka: string }): Promise<void> {
  const { functionId, topic, groupId, recordsMax, windowMs } = readMapping(template);
  const functionName = await deployedName(stack, functionId);
  const limits = { recordsMax, windowMs, payloadBytesMax: invocationPayloadBytesMax };
  const source = { topic, bootstrapServers: kafka };
  const invoke = deployedInvoke(functionName);
  onStop(pollInto({ source, groupId, invoke, logger, start: startGroupConsumer, limits }));
  logger.info({ topic, groupId, functionName }, 'the event source mapping runs');
}
