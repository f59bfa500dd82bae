/** nginx, Prometheus and Artillery in front of a twin, with the files that compose mounts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../../localstack/servers/command.ts';
import { debianProgram } from '../../localstack/servers/debian.ts';
import { freePort } from '../../localstack/servers/ports.ts';
import { loadSecrets } from '../../localstack/servers/secrets.ts';
import { repositoryDir } from '../../localstack/settings.ts';
import { issueToken } from '../../localstack/token-issuer.ts';
import { pipelineFigures } from '../../shared/contracts/metrics.ts';
import { type Program, replaceEach, startProgram } from '../harness/servers/program.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';

const nginxConf = join(repositoryDir, 'localstack', 'nginx', 'nginx.conf');
const prometheusYml = join(repositoryDir, 'localstack', 'prometheus', 'prometheus.yml');
const pollMs = 500;
const samplesWithinMs = 30_000;
/** The first run installs the generator. */
const loadMs = 300_000;

let twin: Twin;
let folder: string;
let nginx: Program;
let prometheus: Program;
let proxyUrl: string;
let prometheusUrl: string;
let token: string;

beforeAll(async () => {
  folder = makeTestFolder();
  // As in compose: behind a proxy everybody needs a token.
  twin = await startTwin({ environment: { ODOMETER_AUTH: 'required' } });
  const request = { caller: 'test', scope: 'ingest read admin', organizations: '*', hours: 1 } as const;
  token = await issueToken(loadSecrets(twin.dataDir)['jwt-secret'], request);
  [nginx, prometheus] = [await startNginx(), await startPrometheus()];
});
afterAll(async () => {
  await Promise.all([nginx?.kill('SIGTERM'), prometheus?.kill('SIGTERM')]);
  await twin?.stop();
  removeTestFolder(folder);
});

/** The file of compose; its port is another, two instances are the one port of the twin, and one is gone. */
async function startNginx(): Promise<Program> {
  const port = await freePort();
  proxyUrl = `http://127.0.0.1:${port}`;
  const api = `127.0.0.1:${twin.port}`;
  const conf = replaceEach(readFileSync(nginxConf, 'utf8'), {
    'listen 80;': `listen 127.0.0.1:${port};`,
    '127.0.0.1:8001': api,
    '127.0.0.1:8002': api,
    '127.0.0.1:8003': `127.0.0.1:${await freePort()}`,
  }).replaceAll('/tmp/', `${folder}/`);
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, conf);
  const args = ['-c', file, '-p', folder, '-e', 'stderr', '-g', 'daemon off;'];
  return startProgram(await debianProgram('nginx'), args, async () => (await fetch(`${proxyUrl}/ready`)).ok);
}

/** The file of compose; only the target is another, and a minute of the test is worth more scrapes. */
async function startPrometheus(): Promise<Program> {
  const port = await freePort();
  prometheusUrl = `http://127.0.0.1:${port}`;
  const tokenFile = join(folder, 'prometheus-token');
  writeFileSync(tokenFile, token);
  const yml = replaceEach(readFileSync(prometheusYml, 'utf8'), {
    '/run/odometer/prometheus-token': tokenFile,
    'nginx:80': new URL(proxyUrl).host,
    'scrape_interval: 15s': 'scrape_interval: 1s',
    'scrape_timeout: 10s': 'scrape_timeout: 1s',
  });
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, yml);
  const storage = `--storage.tsdb.path=${join(folder, 'prometheus')}`;
  const args = [`--config.file=${file}`, storage, `--web.listen-address=127.0.0.1:${port}`];
  const ready = async () => (await fetch(`${prometheusUrl}/-/ready`)).ok;
  return startProgram(await debianProgram('prometheus'), args, ready);
}

it('the files of compose are valid as they are', async () => {
  const promtool = await runCommand(await debianProgram('promtool'), [
    'check',
    'config',
    '--syntax-only',
    prometheusYml,
  ]);
  expect(promtool, promtool.output).toMatchObject({ ok: true });
});

it.each([
  ['Artillery', 'smoke'],
  ['Locust', 'locust-smoke'],
  ['ab', 'ab-smoke'],
])(
  'U1: %s through nginx: everything accepted is counted',
  async (_generator, profile) => {
    const program = [process.execPath, join(repositoryDir, 'odometer.ts'), 'load'];
    const args = [
      `ODOMETER_DATA_DIR=${twin.dataDir}`,
      ...program,
      profile,
      '--target',
      proxyUrl,
      '--token',
      token,
    ];
    const load = await runCommand('env', args);
    expect(load, load.output).toMatchObject({ ok: true });
    expect(load.output).toMatch(/accepted (\d{3,}), counted \1: agree\nthresholds: met/);
  },
  loadMs,
);

it('U10: whoever comes through nginx without a token is nobody', async () => {
  const answers = await Promise.all(
    ['/metrics', '/api/v1/metrics'].map((path) => fetch(`${proxyUrl}${path}`)),
  );
  expect(answers.map(({ status }) => status)).toEqual([401, 401]);
});

it.each([
  ['the twin', () => twin.port],
  ['nginx', () => Number(new URL(proxyUrl).port)],
])('U1: a client that closed its side after the request gets its answer from %s', async (name, portOf) => {
  const body = JSON.stringify({ organization_id: 'half-closed', metric_name: 'calls', quantity: 1 });
  const head = [
    'POST /api/v1/usage/events HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  for (let round = 0; round < 5; round++) {
    const socket = connect({ port: portOf(), host: '127.0.0.1' });
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
    expect(await text(socket), name).toMatch(/^HTTP\/1\.1 202 /);
  }
});

it('an instance that is gone is passed over by nginx', async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => fetch(`${proxyUrl}/health`)));
  expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
  expect(nginx.output()).toContain('Connection refused');
});

/** A figure without a source has no sample; everything else must be drawn. */
const without: ReadonlySet<string> = new Set(['cache_hit_rate']);
const drawn = Object.keys(pipelineFigures).filter((figure) => !without.has(figure));

it('Prometheus scrapes a sample of every figure that a panel draws', async () => {
  const giveUpMs = Date.now() + samplesWithinMs;
  let missing: readonly string[] = drawn;
  while (missing.length > 0 && Date.now() < giveUpMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    const found = await Promise.all(drawn.map((figure) => samplesOf(`odometer_${figure}`)));
    missing = drawn.filter((_, index) => found[index]?.length === 0);
  }
  expect(missing).toEqual([]);
  const [most] = await samplesOf('max_over_time(odometer_events_per_minute[5m])');
  expect(Number(most?.value[1])).toBeGreaterThan(100);
});

interface PrometheusSample {
  readonly value: readonly [number, string];
}

async function samplesOf(query: string): Promise<readonly PrometheusSample[]> {
  const response = await fetch(`${prometheusUrl}/api/v1/query?${new URLSearchParams({ query })}`);
  // Prometheus' documented answer to an instant query.
  const body = (await response.json()) as { data: { result: readonly PrometheusSample[] } };
  return body.data.result;
}
