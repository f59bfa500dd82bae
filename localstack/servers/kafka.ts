import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';
import type { ProcessSpec } from '../processes/kept-process.ts';
import { openLog } from '../processes/log-file.ts';
import { UserError } from '../processes/user-error.ts';
import { runCommand } from './command.ts';
import { findJava } from './java.ts';
import { kafkaJars } from './kafka-jars.ts';
import { type KafkaNode, kafkaLogging, kafkaProperties } from './kafka-settings.ts';

const heap = ['-Xmx384m', '-XX:+UseSerialGC'];
const readyMs = 60_000;
const stopMs = 30_000;

export interface KafkaRequest {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly nodes: readonly KafkaNode[];
  readonly log: (line: string) => void;
}

/** `host:port,...` of all brokers. */
export function bootstrapServers(nodes: readonly KafkaNode[]): string {
  return nodes.map((node) => `127.0.0.1:${node.brokerPort}`).join(',');
}

/** Fetches Java and Kafka where needed, formats the storage of new nodes and describes their processes. */
export async function kafkaSpecs(request: KafkaRequest): Promise<readonly ProcessSpec[]> {
  const { dataDir, cacheDir, nodes, log } = request;
  const [java, jars] = await Promise.all([findJava(cacheDir, log), kafkaJars(cacheDir, log)]);
  const folder = join(dataDir, 'kafka');
  mkdirSync(folder, { recursive: true });
  const loggingFile = join(folder, 'log4j2.yaml');
  writeFileSync(loggingFile, kafkaLogging);
  const classPath = ['-cp', join(jars, '*'), `-Dlog4j2.configurationFile=${loggingFile}`];
  const cluster = clusterId(join(folder, 'cluster-id'));
  return Promise.all(
    nodes.map(async (node): Promise<ProcessSpec> => {
      const properties = writeProperties(folder, node, nodes);
      await formatOnce({ java, classPath, cluster, properties, folder, node });
      const name = nodes.length === 1 ? 'kafka' : `kafka${node.id}`;
      const logFile = join(dataDir, 'logs', `${name}.log`);
      const args = [...heap, ...classPath, 'kafka.Kafka', properties];
      return {
        name,
        logFile,
        spawn: () => spawnBroker(java, args, logFile),
        probe: () => probeBroker(node, nodes.length),
        readyMs,
        stopSignal: 'SIGTERM',
        stopMs,
      };
    }),
  );
}

// Same type: a log is no program.
function spawnBroker(java: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openLog(logFile);
  // In a group of its own, so that Ctrl-C in the terminal reaches the supervisor alone, which knows the order.
  return spawn(java, args, { stdio: ['ignore', log, log], detached: true });
}

/** Ready when the broker answers an admin request and every broker has registered with the controller. */
async function probeBroker(node: KafkaNode, brokers: number): Promise<void> {
  const admin = createKafka({ bootstrapServers: `127.0.0.1:${node.brokerPort}` }).admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    const registered = cluster.brokers.some((broker) => broker.nodeId === node.id);
    if (!registered || cluster.brokers.length <= brokers / 2) throw new Error('not registered yet');
  } finally {
    await admin.disconnect();
  }
}

function writeProperties(folder: string, node: KafkaNode, nodes: readonly KafkaNode[]): string {
  const nodeFolder = join(folder, `node${node.id}`);
  mkdirSync(nodeFolder, { recursive: true });
  const properties = join(nodeFolder, 'server.properties');
  writeFileSync(properties, kafkaProperties(node, nodes, join(nodeFolder, 'data')));
  return properties;
}

interface FormatRequest {
  readonly java: string;
  readonly classPath: readonly string[];
  readonly cluster: string;
  readonly properties: string;
  readonly folder: string;
  readonly node: KafkaNode;
}

async function formatOnce({
  java,
  classPath,
  cluster,
  properties,
  folder,
  node,
}: FormatRequest): Promise<void> {
  if (existsSync(join(folder, `node${node.id}`, 'data', 'meta.properties'))) return;
  const format = ['kafka.tools.StorageTool', 'format', '-t', cluster, '-c', properties, '--ignore-formatted'];
  const outcome = await runCommand(java, [...classPath, ...format]);
  if (!outcome.ok) throw new UserError(`Kafka's storage cannot be formatted: ${outcome.output}`);
}

function clusterId(path: string): string {
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  let id = '-';
  // StorageTool would read an id with a leading dash as an option.
  while (id.startsWith('-')) id = randomBytes(16).toString('base64url');
  writeFileSync(path, `${id}\n`);
  return id;
}
