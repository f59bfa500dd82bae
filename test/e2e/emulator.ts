/** MiniStack, an emulator of AWS from PyPI, on a free loopback port, over TLS and with IAM enforced. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { say } from '../../localstack/screen.ts';
import { freePort } from '../../localstack/servers/ports.ts';
import { venvPython } from '../../localstack/servers/venv.ts';
import { repositoryDir, twinSettings } from '../../localstack/settings.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { startProgram } from '../harness/servers/program.ts';

const version = '1.5.33';
/** No requirement of the package, but its TLS needs it. */
const cryptography = 'cryptography==50.0.2';
const region = 'eu-central-1';
/** The root user: IAM lets it do everything, and what it deploys only what it was granted. */
const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

type Environment = Readonly<Record<string, string | undefined>>;

export interface Emulator {
  readonly url: string;
  /** For whatever speaks to it: SDK clients, the CDK, our programs. */
  readonly environment: Environment;
  output(): string;
  stop(): Promise<unknown>;
}

/** Starts it with its state below `folder`, and lets this process trust its certificate. */
export async function startEmulator(folder: string): Promise<Emulator> {
  const { cacheDir } = twinSettings();
  const packages = [`ministack==${version}`, cryptography];
  const python = await venvPython({ name: `ministack-${version}`, packages, cacheDir, log: say });
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const certificate = join(temporary, 'ministack-tls', 'server.crt');
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  // Functions and CDK app run under the Node of the repository.
  const { PATH = '', HOME } = processEnvironment();
  const machine = { HOME, PATH: `${join(repositoryDir, 'node_modules', '.bin')}:${PATH}` };
  const trust = { NODE_EXTRA_CA_CERTS: certificate, AWS_CA_BUNDLE: certificate };
  const program = await startProgram(python, ['-m', 'ministack'], () => answers(url, certificate), {
    cwd: folder,
    detached: true,
    env: {
      ...{ ...machine, ...credentials, ...trust, TMPDIR: temporary, AUTH: 'true', USE_SSL: '1' },
      ...{ BIND_HOST: '127.0.0.1', MINISTACK_HOST: '127.0.0.1', GATEWAY_PORT: `${port}` },
      ...{ MINISTACK_REGION: region, IOT_MTLS_ENABLED: '0', SFTP_ENABLED: '0' },
    },
  });
  const environment = { ...machine, ...credentials, ...trust, AWS_ENDPOINT_URL: url, AWS_REGION: region };
  // Asked to end, it waits for its functions, of which the flusher takes a minute.
  return { url, environment, output: program.output, stop: () => program.kill('SIGKILL') };
}

async function answers(url: string, certificate: string): Promise<boolean> {
  if (!existsSync(certificate)) return false;
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(certificate, 'utf8')]);
  return (await fetch(`${url}/_ministack/ready`)).ok;
}
