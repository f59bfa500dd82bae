import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import type { ProcessSpec } from '../processes/kept-process.ts';
import { openLog } from '../processes/log-file.ts';
import { UserError } from '../processes/user-error.ts';
import { type CommandOptions, runCommand } from './command.ts';
import { findJava } from './java.ts';
import { kafkaJars } from './kafka-jars.ts';
import { type KafkaNode, kafkaLogging, kafkaProperties } from './kafka-settings.ts';

/** Without figures of its performance, which a JVM keeps in /tmp. */
const heap = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:-UsePerfData'];
/** Names below the folder of a node, in which its programs run: no path of the user's reaches Java. */
const files = { properties: 'server.properties', logging: 'log4j2.yaml', data: 'data' } as const;
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
  const classPath = ['-cp', join(jars, '*'), `-Dlog4j2.configurationFile=${files.logging}`];
  const cluster = clusterId(join(folder, 'cluster-id'));
  return Promise.all(
    nodes.map(async (node): Promise<ProcessSpec> => {
      const nodeFolder = writeSettings(folder, node, nodes);
      await formatOnce({ java, classPath, cluster, nodeFolder });
      const name = nodes.length === 1 ? 'kafka' : `kafka${node.id}`;
      const logFile = join(dataDir, 'logs', `${name}.log`);
      const args = [...heap, ...classPath, 'kafka.Kafka', files.properties];
      return {
        name,
        logFile,
        spawn: () => spawnBroker(java, args, { nodeFolder, logFile }),
        probe: () => probeBroker(node, nodes.length),
        readyMs,
        stopSignal: 'SIGTERM',
        stopMs,
      };
    }),
  );
}

interface BrokerFiles {
  readonly nodeFolder: string;
  readonly logFile: string;
}

function spawnBroker(
  java: string,
  args: readonly string[],
  { nodeFolder, logFile }: BrokerFiles,
): ChildProcess {
  const log = openLog(logFile);
  // In a group of its own, so that Ctrl-C in the terminal reaches the supervisor alone, which knows the order.
  return spawn(java, args, { ...javaSurroundings(nodeFolder), stdio: ['ignore', log, log], detached: true });
}

/** Java knows its own folder by the characters of its locale: with any other the folder may be a new one. */
function javaSurroundings(cwd: string): CommandOptions & { readonly cwd: string } {
  return { cwd, env: { ...processEnvironment(), LC_ALL: 'C.UTF-8' } };
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

/** Writes what a node is started by and answers the folder in which it runs. */
function writeSettings(folder: string, node: KafkaNode, nodes: readonly KafkaNode[]): string {
  const nodeFolder = join(folder, `node${node.id}`);
  mkdirSync(nodeFolder, { recursive: true });
  writeFileSync(join(nodeFolder, files.properties), kafkaProperties(node, nodes, files.data));
  writeFileSync(join(nodeFolder, files.logging), kafkaLogging);
  return nodeFolder;
}

interface FormatRequest {
  readonly java: string;
  readonly classPath: readonly string[];
  readonly cluster: string;
  readonly nodeFolder: string;
}

async function formatOnce({ java, classPath, cluster, nodeFolder }: FormatRequest): Promise<void> {
  if (existsSync(join(nodeFolder, files.data, 'meta.properties'))) return;
  const format = ['format', '-t', cluster, '-c', files.properties, '--ignore-formatted'];
  const args = [...classPath, 'kafka.tools.StorageTool', ...format];
  const outcome = await runCommand(java, args, javaSurroundings(nodeFolder));
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
