import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { countedEvents, differencesOf } from '../harness/twin/count.ts';
import { endOf, startTwin, type Twin } from '../harness/twin/twin.ts';

const sample = 'test/data/dev-azure-llm.jsonl.gz';
const expected = 'test/data/dev-azure-llm.json';
const sampleEvents = 84_555;

let twin: Twin;
beforeAll(async () => {
  twin = await startTwin();
});
afterAll(async () => {
  await twin.stop();
});

function startImport() {
  const args = ['odometer.ts', 'import', sample, '--url', twin.endpoints().api, '--verify', expected];
  const child = spawn(process.execPath, args, {
    env: processEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const text = { all: '' };
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text.all += part;
  });
  return { child, output: () => text.all };
}

it('U2: the sample counts once although its import was killed half-way and then run twice', async () => {
  const killed = startImport();
  while ((await countedEvents(twin)) === 0) await setTimeout(20);
  killed.child.kill('SIGKILL');
  expect(await endOf(killed.child)).toBe('SIGKILL');
  expect(killed.output()).not.toContain('equal');
  for (let round = 0; round < 2; round++) {
    const { child, output } = startImport();
    expect(await endOf(child)).toBe(0);
    expect(output()).toContain(`accepted ${sampleEvents}, rejected 0`);
    expect(output()).toContain('totals of 6 organization metrics compared: equal');
  }
  expect(await countedEvents(twin)).toBe(sampleEvents);
  expect(await differencesOf(twin)).toEqual([]);
});
