import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import download from 'mvn-artifact-download';
import { UserError } from '../processes/user-error.ts';
import { cachedFolder } from './cache.ts';
import { onPath, runCommand } from './command.ts';
import jars from './kafka-jars.json' with { type: 'json' };

const downloadsAtOnce = 8;
const triesMax = 3;

/**
 * The folder with Kafka's jars. `kafka-jars.json` names each by its coordinates with its SHA-256; the list
 * is the runtime closure of `kafka_2.13` and `log4j-slf4j-impl`, made once by `mvn dependency:list`.
 */
export function kafkaJars(cacheDir: string, log: (line: string) => void): Promise<string> {
  const list = createHash('sha256').update(JSON.stringify(jars)).digest('hex').slice(0, 12);
  return cachedFolder(cacheDir, `kafka-${list}`, async (folder) => {
    try {
      await downloadJars(folder, log);
    } catch (cause) {
      await copyJarsWithMaven(folder, cause, log);
    }
  });
}

/** The name under which Maven's repositories keep a jar. */
export function jarName(coordinates: string): string {
  const [, artifact, version] = coordinates.split(':');
  return `${artifact}-${version}.jar`;
}

async function downloadJars(folder: string, log: (line: string) => void): Promise<void> {
  const waiting = Object.entries(jars);
  const total = waiting.length;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let jar = waiting.pop(); jar !== undefined; jar = waiting.pop()) {
      await downloadJar(jar[0], jar[1], folder);
      done += 1;
      if (done % 15 === 0) log(`fetching Kafka (once): ${done} of ${total} jars`);
    }
  };
  log(`fetching Kafka (once): ${total} jars, 43 MB`);
  await Promise.all(Array.from({ length: downloadsAtOnce }, worker));
}

// Same type: the hash check fails for any other order.
async function downloadJar(coordinates: string, sha256: string, folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await download.default(coordinates, folder);
      verifyJar(coordinates, sha256, folder);
      return;
    } catch (cause) {
      if (attempt === triesMax) throw cause;
    }
  }
}

// Same type: as for `downloadJar`.
function verifyJar(coordinates: string, sha256: string, folder: string): void {
  const bytes = readFileSync(join(folder, jarName(coordinates)));
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Error(`${coordinates} has SHA-256 ${found}, expected ${sha256}`);
}

/** Maven knows mirrors, proxies and credentials of a company that a plain download does not. */
async function copyJarsWithMaven(folder: string, cause: unknown, log: (line: string) => void): Promise<void> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const maven = onPath(['mvn']);
  if (maven === undefined) {
    throw new UserError(
      `Kafka cannot be downloaded (${reason}). Check the network, or install Maven where it needs a mirror.`,
    );
  }
  log(`the download failed (${reason}); trying Maven`);
  writeFileSync(join(folder, 'pom.xml'), pomOf(Object.keys(jars)));
  const copy = [
    '-q',
    '-B',
    'dependency:copy-dependencies',
    '-DoutputDirectory=.',
    '-DexcludeTransitive=true',
  ];
  const outcome = await runCommand(maven, copy, { cwd: folder });
  if (!outcome.ok)
    throw new UserError(`Kafka can be fetched neither directly nor by Maven: ${outcome.output}`);
  for (const [coordinates, sha256] of Object.entries(jars)) verifyJar(coordinates, sha256, folder);
}

function pomOf(coordinates: readonly string[]): string {
  const dependencies = coordinates.map((one) => {
    const [group, artifact, version] = one.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>odometer</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`;
}
