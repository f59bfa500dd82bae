import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sendRows } from '../../localstack/importing/send-rows.ts';
import { eventDaysMax } from '../../shared/limits.ts';
import {
  type ImportBench,
  rowText,
  runImport,
  startImportBench,
  today,
} from '../harness/importing/import-run.ts';
import type { EdgeServer } from '../harness/servers/edge-server.ts';

// Each test starts the importer as a process of its own, some of them twice.
vi.setConfig({ testTimeout: 30_000 });

let bench: ImportBench;
let edge: EdgeServer;
let fileOf: ImportBench['fileOf'];

beforeEach(async () => {
  bench = await startImportBench();
  ({ edge, fileOf } = bench);
});

afterEach(() => bench.close());

function expectedOf(total: string, count: number): string {
  return JSON.stringify({ days: { [today]: {} }, orgs: { org_1: { m: { count, total } } } });
}

it('U13: every digit of a row arrives, and rows without key count once however often they are imported', async () => {
  const rows = [
    rowText('12345678901234567890.123456789012345678'),
    rowText('0.1', ',"properties":{"n":1.50}'),
  ];
  const path = await fileOf('rows.jsonl.gz', gzipSync(rows.join('\r\n')));
  const expected = await fileOf('expected.json', expectedOf('12345678901234567890.223456789012345678', 2));
  for (let round = 0; round < 2; round++) {
    const { code, stdout } = await runImport([path, '--url', edge.url, '--verify', expected]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('compared: equal')]);
  }
});

it('equal rows of one file are two events, and a file that has grown keeps the keys of its first rows', async () => {
  const path = await fileOf('rows.jsonl', `${rowText('1')}\n${rowText('1')}\n`);
  await runImport([path, '--url', edge.url]);
  await fileOf('rows.jsonl', `${rowText('1')}\n${rowText('1')}\n${rowText('1')}\n`);
  const expected = await fileOf('expected.json', expectedOf('3', 3));
  const { code, stdout } = await runImport([path, '--url', edge.url, '--verify', expected]);
  expect([code, stdout]).toEqual([0, expect.stringContaining('compared: equal')]);
});

it('bad rows are named by line and reason, and do not stop the others', async () => {
  const rows = [rowText('1'), '{broken', '', '[]', rowText('"many"'), rowText('2'), rowText('"few"')];
  const path = await fileOf('rows.jsonl', rows.join('\n'));
  const { code, stdout } = await runImport([path, '--url', edge.url, '--batch', '2']);
  expect(code).toBe(3);
  expect(stdout).toContain('accepted 2, rejected 4');
  expect(stdout).toContain('invalid_json: 1 (line 2)');
  expect(stdout).toContain('wrong_type: 1 (line 4)');
  expect(stdout).toContain('not_a_decimal quantity: 2 (line 5, 7)');
});

it('totals that differ are named, with what was expected and what was found', async () => {
  const path = await fileOf('rows.jsonl', rowText('1'));
  const expected = await fileOf('expected.json', expectedOf('2', 1));
  const { code, stdout } = await runImport([path, '--url', edge.url, '--verify', expected]);
  expect(code).toBe(3);
  expect(stdout).toContain('org_1 m: expected 2 in 1 events, found 1 in 1 events');
});

it('a prefix keeps imports apart', async () => {
  const path = await fileOf('rows.jsonl', rowText('1'));
  const expected = await fileOf('expected.json', expectedOf('1', 1));
  const args = [path, '--url', edge.url, '--verify', expected, '--organization-prefix'];
  for (const prefix of ['a.', 'b.']) expect((await runImport([...args, prefix])).code).toBe(0);
});

it('the address comes from endpoints.json of the data directory', async () => {
  await fileOf('endpoints.json', JSON.stringify({ api: edge.url }));
  const path = await fileOf('rows.jsonl', rowText('1'));
  const { code } = await runImport([path], { ODOMETER_DATA_DIR: bench.folder });
  expect([code, edge.bodies.length]).toEqual([0, 1]);
});

it('an import that meets failures goes on with the same events', async () => {
  const path = await fileOf('rows.jsonl', Array.from({ length: 50 }, () => rowText('1')).join('\n'));
  const expected = await fileOf('expected.json', expectedOf('50', 50));
  let requests = 0;
  edge.interfere = () => (requests++ % 3 === 0 ? 'destroy' : null);
  const { code, stderr } = await runImport([path, '--url', edge.url, '--batch', '5', '--verify', expected]);
  expect(stderr).toContain('trying again');
  expect(code).toBe(0);
});

it.each([
  ['a file that is not there', ['nowhere.jsonl'], 1, 'There is no file nowhere.jsonl'],
  ['a batch that is too large', ['x', '--batch', '1001'], 2, 'whole number from 1 to 1000'],
])('%s is a sentence and an exit code', async (_what, args, exitCode, sentence) => {
  const { code, stdout, stderr } = await runImport(args);
  expect([code, stdout, stderr]).toEqual([exitCode, '', expect.stringContaining(sentence)]);
  expect(stderr).not.toContain('    at ');
});

it('a gzip stream that ends early is a sentence with the line', async () => {
  const content = gzipSync(Array.from({ length: 999 }, (_, i) => rowText(String(i))).join('\n'));
  const path = await fileOf('cut.jsonl.gz', content.subarray(0, content.length / 2));
  const { code, stderr } = await runImport([path, '--url', edge.url]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/cut\.jsonl\.gz cannot be read beyond line \d+/)]);
});

it('no batch has events of more days than the server takes', async () => {
  const rows = Array.from({ length: 3 * eventDaysMax }, (_, index) => ({
    ...{ kind: 'row', line: index + 1, bytes: 1, keyMade: false },
    event: {
      ...{ organization_id: 'org_1', metric_name: 'm', quantity: 1 },
      timestamp: new Date(Date.UTC(2020, 0, 1 + index)).toISOString(),
    },
  }));
  const sizes: number[] = [];
  await sendRows(Readable.from(rows), {
    ...{ batchEvents: 1000, concurrency: 1, onProgress: () => undefined },
    sendBatch: async (events) => {
      sizes.push(events.length);
      return { accepted: events.length, receipts: [], rejected: [] };
    },
  });
  expect(sizes).toEqual([eventDaysMax, eventDaysMax, eventDaysMax]);
});

it('the lines that are named are the first ones, whichever batch is answered first', async () => {
  const event = { organization_id: 'org_1', metric_name: 'm', quantity: 'many' };
  const rows = Array.from({ length: 8 }, (_, index) => ({
    ...{ kind: 'row', line: index + 1, bytes: 1, keyMade: false },
    event,
  }));
  const answered: (() => void)[] = [];
  const report = sendRows(Readable.from(rows), {
    batchEvents: 1,
    concurrency: 8,
    onProgress: () => undefined,
    sendBatch: async () => {
      // The last batch is answered first.
      await new Promise<void>((resolve) => {
        answered.unshift(resolve);
        if (answered.length === rows.length) for (const answer of answered) answer();
      });
      return {
        accepted: 0,
        receipts: [],
        rejected: [{ index: 0, code: 'bad', field: 'quantity', message: 'bad' }],
      };
    },
  });
  expect((await report).refusals.get('bad quantity')).toMatchObject({ count: 8, lines: [1, 2, 3, 4, 5] });
});
