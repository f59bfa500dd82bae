/** Kafka, Postgres and Redis that speak TLS only, under a certificate for `localhost` and no other name. */
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { generate } from 'selfsigned';
import { runCommand } from '../../../localstack/servers/command.ts';
import { debianProgram } from '../../../localstack/servers/debian.ts';
import { findJava } from '../../../localstack/servers/java.ts';
import { kafkaJars } from '../../../localstack/servers/kafka-jars.ts';
import { kafkaProperties } from '../../../localstack/servers/kafka-settings.ts';
import { freePort } from '../../../localstack/servers/ports.ts';
import { postgresSpecs, shardFolder } from '../../../localstack/servers/postgres.ts';
import {
  ownFolder,
  postgresAccount,
  postgresPrograms,
} from '../../../localstack/servers/postgres-account.ts';
import { oneStatement } from '../../../localstack/servers/postgres-session.ts';
import { twinSettings } from '../../../localstack/settings.ts';
import { type Program, startProgram } from './program.ts';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** What a client must trust. */
  readonly authority: string;
}

export interface TlsServer extends Program {
  readonly port: number;
}

/** Makes a certificate whose only name is `localhost`, so that no address matches it. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  const [certFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  writeFileSync(certFile, pems.cert);
  writeFileSync(keyFile, pems.private, { mode: 0o600 });
  return { certFile, keyFile, authority: pems.cert };
}

/** A session ends this soon, where MSK's end with their tokens; kafkajs renews one 10 s before that. */
export const sessionMsMax = 12_000;
const unsecured = 'org.apache.kafka.common.security.oauthbearer';

/** A broker whose clients come by TLS and prove themselves by a token; it speaks to itself on a port of its own. */
export async function startTlsKafka(folder: string, { authority, keyFile }: Certificate): Promise<TlsServer> {
  const { cacheDir } = twinSettings();
  const silent = () => undefined;
  const [java, jars] = await Promise.all([findJava(cacheDir, silent), kafkaJars(cacheDir, silent)]);
  const [port, brokerPort, controllerPort] = [await freePort(), await freePort(), await freePort()];
  const node = { id: 1, brokerPort, controllerPort };
  const keystore = join(folder, 'kafka.pem');
  writeFileSync(keystore, `${readFileSync(keyFile, 'utf8')}\n${authority}`);
  const own: Record<string, string> = {
    listeners: `BROKER://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort},TLS://127.0.0.1:${port}`,
    'advertised.listeners': `BROKER://127.0.0.1:${brokerPort},TLS://localhost:${port}`,
    'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SASL_SSL',
    'sasl.enabled.mechanisms': 'OAUTHBEARER',
    'listener.name.tls.oauthbearer.connections.max.reauth.ms': String(sessionMsMax),
    'listener.name.tls.ssl.keystore.type': 'PEM',
    'listener.name.tls.ssl.keystore.location': keystore,
    'listener.name.tls.oauthbearer.sasl.jaas.config': `${unsecured}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    'listener.name.tls.oauthbearer.sasl.server.callback.handler.class': `${unsecured}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
  };
  const properties = join(folder, 'server.properties');
  const lines = Object.entries(own).map(([name, value]) => `${name}=${value}`);
  const base = kafkaProperties(node, [node], join(folder, 'kafka-data'));
  writeFileSync(properties, `${base}${lines.join('\n')}\n`);
  const classPath = ['-cp', join(jars, '*')];
  const format = ['kafka.tools.StorageTool', 'format', '-t', 'dGxzLXRlc3QtY2x1c3Rlcg', '-c', properties];
  const formatted = await runCommand(java, [...classPath, ...format]);
  if (!formatted.ok) throw new Error(formatted.output);
  const args = ['-Xmx256m', '-XX:+UseSerialGC', ...classPath, 'kafka.Kafka', properties];
  return { ...(await startProgram(java, args, () => speaksTls(port, authority))), port };
}

/** A cluster whose only door is `hostssl`. */
// Same type: a folder must be there, and no folder is called after a password.
export async function startTlsPostgres(
  folder: string,
  { certFile, keyFile }: Certificate,
  superuserPassword: string,
): Promise<TlsServer> {
  const port = await freePort();
  const twinId = `tls-${process.pid}`;
  await postgresSpecs({ dataDir: folder, ports: [port], superuserPassword, twinId });
  const account = await postgresAccount();
  const data = shardFolder(folder, 0);
  for (const [from, to] of [
    [certFile, 'server.crt'],
    [keyFile, 'server.key'],
  ] as const) {
    const file = join(data, to);
    writeFileSync(file, readFileSync(from), { mode: 0o600 });
    if (account.uid !== undefined && account.gid !== undefined) chownSync(file, account.uid, account.gid);
  }
  writeFileSync(join(data, 'postgresql.conf'), 'ssl = on\n', { flag: 'a' });
  writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  const postgres = join(await postgresPrograms(account), 'bin', 'postgres');
  const url = `postgres://postgres:${superuserPassword}@localhost:${port}/postgres?sslmode=verify-full`;
  const ready = () => oneStatement(url, 'select 1').then(() => true);
  return {
    ...(await startProgram(postgres, ['-D', ownFolder(data)], ready, { ...account, cwd: data })),
    port,
  };
}

/** A server without a plain port; with `settings` it is a Sentinel that runs by this file. */
export async function startTlsRedis(
  { certFile, keyFile, authority }: Certificate,
  args: readonly string[],
  settings: readonly string[] = [],
): Promise<TlsServer> {
  const port = await freePort();
  const tls = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
  const listen = [
    '--port',
    '0',
    '--tls-port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--tls-auth-clients',
    'no',
  ];
  const program = await debianProgram('redis-server');
  const ready = () => speaksTls(port, authority);
  return { ...(await startProgram(program, [...settings, ...listen, ...tls, ...args], ready)), port };
}

/** Whether a server at this port of `localhost` proves itself by the certificate. */
function speaksTls(port: number, authority: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: 'localhost', port, ca: authority }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** The file of a Sentinel that watches the server at this port by name; it is written by the Sentinel too. */
// Same type: as for `startTlsPostgres`.
export function sentinelSettings(folder: string, port: number, password: string): readonly string[] {
  const file = join(folder, 'sentinel.conf');
  const lines = [
    'sentinel resolve-hostnames yes',
    'sentinel announce-hostnames yes',
    `sentinel monitor odometer localhost ${port} 1`,
    `sentinel auth-pass odometer ${password}`,
    'tls-replication yes',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return [file, '--sentinel'];
}
