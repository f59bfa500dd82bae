/** Rejects, their limit, and the options of the command. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRejectedRows } from '../../localstack/importing/rejected-rows.ts';
import { deadlineCheckMs } from '../../shared/limits.ts';
import {
  type Ended,
  type HereOptions,
  type ImportBench,
  rowText,
  runImport,
  startImportBench,
  table,
} from '../harness/importing/import-run.ts';

// Some tests start the importer as a process of its own.
vi.setConfig({ testTimeout: 30_000 });

let bench: ImportBench;

beforeEach(async () => {
  bench = await startImportBench();
});

afterEach(() => bench.close());
// What has answered looks once more whether a request is late.
afterAll(() => setTimeout(2 * deadlineCheckMs));

async function importText(name: string, content: string | Buffer, options: HereOptions = {}) {
  return bench.importHere(await bench.fileOf(name, content), options);
}

describe('rejected rows', () => {
  it('are mended in their file, imported again, and then everything counts once', async () => {
    const rows = [rowText('1'), '{broken', rowText('"many"'), rowText('1'), rowText('2', ',"extra":1')];
    const path = join(bench.folder, 'rejects.jsonl');
    const file = createRejectedRows(path, 'events of the API');
    await importText('rows.jsonl', rows.join('\n'), { onRefused: (row) => file.write(row) });
    file.close();
    const rejects = await readFile(path, 'utf8');
    expect(rejects.split('\n').map((line) => line.slice(0, 47))).toEqual([
      '{"rejected":{"as":"events of the API","line":2,',
      '{"rejected":{"as":"events of the API","line":3,',
      '{"rejected":{"as":"events of the API","line":5,',
      '',
    ]);
    const mended = rejects
      .replace('"{broken"', JSON.stringify(rowText('4')))
      .replace('"many"', '8')
      .replace(',"extra":1', '');
    for (let round = 0; round < 2; round++) {
      const { code, said } = await importText('mended.jsonl', mended);
      expect([code, said]).toEqual([0, expect.stringContaining('accepted 3, rejected 0')]);
      expect(await bench.counted()).toBe(5);
    }
  });

  it('U2: of a row of several events only the rejected one is sent again', async () => {
    const mapping = {
      name: 'test',
      rules: {
        organization: '=org_1',
        events: [
          { metric: '=m', quantity: 'one' },
          { metric: '=other', quantity: 'two' },
        ],
      },
    };
    const path = join(bench.folder, 'rejects.jsonl');
    const file = createRejectedRows(path, 'events of the API');
    const { code } = await importText('rows.csv', 'one,two\n1,many\n', {
      mapping,
      onRefused: (row) => file.write(row),
    });
    file.close();
    const mended = (await readFile(path, 'utf8')).replace('many', '2');
    await importText('mended.jsonl', mended, { mapping });
    expect([code, bench.sent().map(({ metric_name }) => metric_name)]).toEqual([3, ['m', 'other', 'other']]);
  });

  it('of one content keep their keys, because others of that content may count already', async () => {
    const path = join(bench.folder, 'rejects.jsonl');
    const file = createRejectedRows(path, 'events of the API');
    const rows = [rowText('1'), rowText('1')].join('\n');
    let requests = 0;
    const rejection = [{ index: 0, code: 'too_early', field: 'timestamp', message: 'later' }];
    bench.edge.interfere = () =>
      requests++ === 1 ? { statusCode: 400, body: JSON.stringify({ errors: rejection }) } : null;
    await importText('rows.jsonl', rows, { batchEvents: 1, onRefused: (row) => file.write(row) });
    file.close();
    await bench.importHere(path);
    expect(await bench.counted()).toBe(2);
  });

  it.each([
    [
      'a table with the names of the API',
      'organization_id,metric_name,quantity,idempotency_key,note\norg_1,m,many,,x\n',
      [],
    ],
    [
      'a preset that was detected',
      '{"event_name":"m","identifier":"a","timestamp":"2026-11-02T09:00:00Z","payload":{"stripe_customer_id":"org_1","value":"many"}}',
      [],
    ],
    [
      'columns that options name',
      'who,what,n\norg_1,m,many\n',
      ['--organization', 'who', '--metric', 'what', '--quantity', 'n'],
    ],
  ])('of %s are imported again with the same options', async (_what, content, more) => {
    const path = await bench.fileOf('usage', content);
    const rejects = join(bench.folder, 'rejects.jsonl');
    const args = [...more, '--url', bench.edge.url];
    expect((await runImport([path, ...args, '--rejects', rejects])).code).toBe(3);
    const mended = await bench.fileOf('mended', (await readFile(rejects, 'utf8')).replace('"many"', '"8"'));
    expect(await runImport([mended, ...args])).toMatchObject({ code: 0 });
    expect(bench.sent().at(-1)).toMatchObject({ organization_id: 'org_1', metric_name: 'm', quantity: '8' });
  });

  it('are never written over a file that is there', () => {
    expect(() => createRejectedRows('README.md', '')).toThrow('README.md exists already');
  });
});

describe('a limit of rejects', () => {
  const bad = Array.from({ length: 5000 }, (_, index) => (index % 2 === 0 ? rowText('"x"') : rowText('1')));
  it.each<[string, HereOptions['errorLimit'], number, boolean]>([
    ['a number', { count: 10 }, 2000, true],
    ['a share', { percent: 20 }, 4000, true],
    ['a share that is not reached', { percent: 60 }, 5000, false],
    ['none', undefined, 5000, false],
  ])('that is %s ends the import early, or not', async (_what, errorLimit, atMost, ended) => {
    const { report, said } = await importText('rows.jsonl', bad.join('\n'), { errorLimit, batchEvents: 100 });
    const { read = 0, accepted = 0, refused = 0 } = report ?? {};
    expect(read).toBeLessThanOrEqual(atMost);
    expect(accepted + refused).toBe(read);
    expect([report?.stopped !== null, said.includes('ended early: more than')]).toEqual([ended, ended]);
  });

  it('also ends a file of nothing but rows that cannot be read', async () => {
    const { report } = await importText('rows.jsonl', '{\n'.repeat(5000), {
      form: 'jsonl',
      errorLimit: { count: 0 },
    });
    expect(report).toMatchObject({ read: 1, refused: 1, stopped: 'more than 0 rejected' });
  });
});

describe('the command', () => {
  const args = ['--organization', 'who', '--metric', '=m', '--quantity', 'how much', '--time', 'at'];
  const run = (...more: readonly string[]): Promise<Ended> => runImport([...more, '--url', bench.edge.url]);

  it('--dry-run sends nothing, and says what would be sent', async () => {
    const path = await bench.fileOf('usage.csv', `${table}\norg_1,m,few,d,2026-11-02T10:00:00Z,\n`);
    const rejects = join(bench.folder, 'rejects.jsonl');
    const { code, stdout } = await run(
      path,
      ...args,
      '--key',
      'id',
      '--dry-run',
      '--rejects',
      rejects,
      '--json',
    );
    const said = JSON.parse(stdout);
    expect([code, bench.edge.bodies]).toEqual([3, []]);
    expect(said).toMatchObject({
      file: { form: 'CSV', packing: null, mapping: 'named columns', detected: false, place: 'line' },
      read: 4,
      accepted: 3,
      refused: 1,
      refusals: { 'not_a_decimal quantity': { count: 1, lines: [5] } },
      dryRun: { totals: { m: { count: 3, total: '12345678901234567891.5000000000000001' } } },
    });
    expect(said.dryRun.first[0]).toEqual({
      organization_id: 'org_1',
      metric_name: 'm',
      quantity: '1.5',
      timestamp: '2026-11-02T10:00:00Z',
      idempotency_key: 'a',
    });
    expect(await readFile(rejects, 'utf8')).toContain('"how much":"few"');
  });

  it('--map takes a file, and options win over it', async () => {
    const map = await bench.fileOf(
      'map.json',
      JSON.stringify({
        organization: '=org_2',
        key: 'id',
        time: 'at',
        events: [{ metric: 'what', quantity: 'how much', unit: '0.1' }],
      }),
    );
    const path = await bench.fileOf('usage.csv', table);
    const { code, stdout } = await run(path, '--map', map, '--organization', 'who');
    expect([code, stdout]).toEqual([0, expect.stringContaining('accepted 3')]);
    expect(bench.sent()[0]).toMatchObject({ organization_id: 'org_1', metric_name: 'm', quantity: '0.15' });
  });

  it.each([
    ['a member that no mapping has', '{"organisation":"x"}', 'does not hold a mapping'],
    ['no JSON', 'organization: x', 'does not hold a mapping'],
    [
      'a unit that is none',
      '{"events":[{"metric":"a","quantity":"b","unit":"furlong"}]}',
      'must be a factor',
    ],
  ])('--map of %s is a sentence', async (_what, text, says) => {
    const map = await bench.fileOf('map.json', text);
    const { code, stderr } = await run('README.md', '--map', map);
    expect([code, stderr]).toEqual([1, expect.stringContaining(says)]);
    expect(stderr).not.toContain('    at ');
  });

  it.each([
    ['--from', 'nobody', 'litellm'],
    ['--quantity-unit', 'furlong', 'It must be a decimal or one of kB'],
    ['--time-zone', 'Europe/Berlin', 'It must be Z'],
    ['--max-errors', 'some', 'It must be a number, or a share'],
    ['--key', 'a,,b', 'names of columns'],
  ])('%s %s is wrong usage', async (option, value, says) => {
    const { code, stderr } = await run('README.md', option, value);
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
  });

  it('reads an address of this machine, and none of another', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/usage.csv') response.end(gzipSync(table));
      else response.writeHead(302, { location: 'http://example.com/' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `http://localhost:${typeof address === 'object' ? address?.port : ''}`;
    const found = await run(`${url.replace('localhost', '127.0.0.1')}/usage.csv`, ...args);
    expect([found.code, found.stdout]).toEqual([0, expect.stringContaining('read 3 rows of CSV in gzip')]);
    const elsewhere = await run('http://example.com/usage.csv');
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      1,
      expect.stringContaining('Only addresses of this machine'),
    ]);
    const redirected = await run(`${url.replace('localhost', '127.0.0.1')}/moved`);
    expect([redirected.code, redirected.stderr]).toEqual([1, expect.stringContaining('is not answered')]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('makes no file of rejects where there are none', async () => {
    const path = await bench.fileOf('usage.csv', table);
    const rejects = join(bench.folder, 'rejects.jsonl');
    expect((await run(path, ...args, '--rejects', rejects)).code).toBe(0);
    expect(existsSync(rejects)).toBe(false);
  });
});
