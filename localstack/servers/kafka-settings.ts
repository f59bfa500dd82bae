import { invariant } from '../../shared/errors.ts';

/** One broker of the local cluster; every node is broker and controller. */
export interface KafkaNode {
  readonly id: number;
  readonly brokerPort: number;
  readonly controllerPort: number;
}

const recordBytesMax = 4 * 1024 * 1024;
const segmentBytes = 256 * 1024 * 1024;

/** Java reads the file as Latin-1, in which a backslash escapes, and Kafka takes a comma for the end of a folder. */
const plainPath = /^[\w./-]*$/;

/**
 * The `server.properties` of one node. With three nodes a record is on two of them before it is acknowledged.
 * `logDir` is seen from the folder in which the broker runs.
 */
export function kafkaProperties(node: KafkaNode, nodes: readonly KafkaNode[], logDir: string): string {
  invariant(plainPath.test(logDir), `${logDir} cannot be written into server.properties`);
  const copies = Math.min(3, nodes.length);
  const inSyncMin = Math.max(1, copies - 1);
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    listeners: `BROKER://127.0.0.1:${node.brokerPort},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': `BROKER://127.0.0.1:${node.brokerPort}`,
    'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': nodes
      .map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`)
      .join(','),
    'log.dirs': logDir,
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSyncMin,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSyncMin,
    'message.max.bytes': recordBytesMax,
    'replica.fetch.max.bytes': recordBytesMax,
    'log.segment.bytes': segmentBytes,
    'group.initial.rebalance.delay.ms': 0,
    // A broker that was killed can register again only when its old session is over: 3 s instead of 9.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `${lines.join('\n')}\n`;
}

/** Kafka says nothing at WARN while it is well; at INFO it prints 350 lines of settings at each start. */
export const kafkaLogging = `Configuration:
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "[%d] %p %m (%c)%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: STDOUT
`;
