#!/usr/bin/env node
// The program `odometer`, and the entry of every npm script. It runs under any Node from 20 on with nothing
// installed, installs what is missing, and hands over to the Node 24 that npm has installed, which runs
// `odometer.ts` as it is.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeVersionMin = 20;
const parentEveryMs = 500;
const lockFile = join(root, 'package-lock.json');
const stampFile = join(root, 'node_modules', '.odometer-installed');
const node = join(root, 'node_modules', '.bin', 'node');

function refuse(sentence) {
  console.error(sentence);
  process.exit(1);
}

function checkMachine() {
  if (process.platform === 'win32') refuse('Odometer runs on Linux and macOS; on Windows use WSL.');
  const major = Number(process.versions.node.split('.')[0]);
  if (major < nodeVersionMin) {
    refuse(`Node ${process.versions.node} is too old: install Node ${nodeVersionMin} or newer.`);
  }
}

/** The lock file's content at the last install; another one means that it must be done again. */
function lockStamp() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

function installOnce() {
  const stamp = lockStamp();
  if (existsSync(node) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  console.error('installing packages with npm ci (only after the lock file has changed)');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    // Standard output is the command's.
    stdio: ['inherit', 2, 2],
  });
  if (npm.error) refuse(`npm cannot be run (${npm.error.message}): install npm, which comes with Node.`);
  if (npm.status !== 0) refuse('npm ci has failed; its message is above.');
  writeFileSync(stampFile, stamp);
}

/** Runs a command line under Node 24, hands signals on to it, and ends as it ends. */
function handOver(args) {
  const child = spawn(node, [join(root, 'odometer.ts'), ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // `npm start` puts a shell between npm and us that may end without handing a signal on.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, parentEveryMs);
  child.on('exit', (code, signal) => {
    if (signal === 'SIGKILL' && args[0] === 'start') {
      console.error('The supervisor was killed: npm stop, or the next npm start, stops what it left.');
    }
    process.exit(code ?? 1);
  });
}

checkMachine();
installOnce();
handOver(process.argv.slice(2));
