/** Columns and units as a user names them, in every form of file. */

import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadlineCheckMs } from '../../shared/limits.ts';
import {
  type HereOptions,
  header,
  type ImportBench,
  rowText,
  startImportBench,
  table,
} from '../harness/importing/import-run.ts';

let bench: ImportBench;

beforeEach(async () => {
  bench = await startImportBench();
});

afterEach(() => bench.close());
// What has answered looks once more whether a request is late.
afterAll(() => setTimeout(2 * deadlineCheckMs));

const columns = { organization: 'who', metric: 'what', quantity: 'how much', key: ['id'], time: 'at' };

async function importText(name: string, content: string | Buffer, options: HereOptions = {}) {
  return bench.importHere(await bench.fileOf(name, content), options);
}

describe('U13: a table', () => {
  const events = [
    { quantity: '1.5', idempotency_key: 'a' },
    { quantity: '0.0000000000000001', idempotency_key: 'b' },
    { quantity: '12345678901234567890', idempotency_key: 'c' },
  ];
  const tsv = table
    .replaceAll('"org_1"', 'org_1')
    .replace('"1.5"', '1.5')
    .replace('"the ""east"", us"', 'us');
  it.each<[string, string | Buffer, string]>([
    ['CSV', table, 'CSV as named columns'],
    ['CSV with a byte order mark and CR LF', `\ufeff${table.replaceAll('\n', '\r\n')}\r\n`, 'CSV as'],
    ['CSV with semicolons', tsv.replaceAll(',', ';'), 'CSV with semicolons as'],
    ['TSV', tsv.replaceAll(',', '\t'), 'TSV as'],
    ['TSV in gzip', gzipSync(tsv.replaceAll(',', '\t')), 'TSV in gzip as'],
    ['CSV in zstd', zstdCompressSync(table), 'CSV in zstd as'],
  ])('in %s is read by named columns', async (_what, content, says) => {
    const { code, said } = await importText('usage.txt', content, { columns });
    expect([code, said]).toEqual([0, expect.stringContaining(says)]);
    expect(bench.sent()).toMatchObject(events);
  });

  it('keeps the columns that are named as properties, and no empty ones', async () => {
    await importText('usage.csv', table, { columns: { ...columns, properties: ['region'] } });
    expect(bench.sent().map(({ properties }) => properties)).toEqual([
      { region: 'eu' },
      { region: 'the "east", us' },
      undefined,
    ]);
  });

  it('with the names of the API needs no options, and has the keys that the same rows have as JSON', async () => {
    const csv = 'organization_id,metric_name,quantity,timestamp\norg_1,m,1.50,2026-11-02T10:00:00Z\n';
    const json =
      '{"organization_id":"org_1","metric_name":"m","quantity":1.5,"timestamp":"2026-11-02T10:00:00Z"}';
    await importText('rows.csv', csv);
    await importText('rows.jsonl', json);
    const [one, other] = bench.sent();
    expect(one?.['idempotency_key']).toBe(other?.['idempotency_key']);
  });

  it.each<[string, HereOptions['columns'], string]>([
    [
      'a column that is not there',
      { ...columns, quantity: 'amount' },
      `no column amount; its columns are ${header.replaceAll(',', ', ')}`,
    ],
    ['a key that is not there', { ...columns, key: ['id', 'part'] }, 'no column part'],
    ['a property that is not there', { ...columns, properties: ['zone'] }, 'no column zone'],
    ['columns that no option names', undefined, 'none of the columns organization_id, metric_name, quantity'],
  ])('%s is named before anything is sent, with those that are', async (_what, named, says) => {
    const { code, said } = await importText('usage.csv', table, { columns: named });
    expect([code, said]).toEqual([1, expect.stringContaining(says)]);
    expect(bench.sent()).toEqual([]);
  });

  it('with rows of another length, or in Latin-1, loses only these', async () => {
    const rows = [
      header,
      'org_1,m,1,a,,',
      'org_1,m,2',
      'org_1,m,3,b,,,,',
      'org_1,m,4,c\u00e9,,',
      'org_1,m,5,d,,',
    ];
    const content = Buffer.from(rows.join('\n'), 'latin1');
    const { code, said } = await importText('usage.csv', content, {
      columns: { ...columns, time: undefined },
    });
    expect(code).toBe(3);
    expect(said).toContain('accepted 2, rejected 3');
    expect(said).toContain('column_count: 2 (line 3, 4): the row has 3 values, the header 6');
    expect(said).toContain('invalid_utf8: 1 (line 5)');
  });

  it.each([
    ['a quote that is not closed', `${header}\norg_1,m,1,a,,\norg_1,m,"2,b,,`, 'beyond line 2'],
    ['a column that is named twice', 'a,a\n1,2', 'the column "a" is in the header twice'],
  ])('%s is a sentence', async (_what, content, says) => {
    const { code, said } = await importText('usage.csv', content, {
      columns: { ...columns, time: undefined },
    });
    expect([code, said]).toEqual([1, expect.stringContaining(says)]);
  });
});

describe('U13: JSON', () => {
  const pretty = (value: string) => value.replaceAll('{', '{\n  ').replaceAll(',', ',\n  ');
  it.each([
    ['a list', `[${[rowText('12345678901234567890.10'), rowText('1')].join(',')}]`],
    [
      'a pretty-printed list',
      `[\n${[rowText('12345678901234567890.10'), rowText('1')].map(pretty).join(',\n')}\n]`,
    ],
    [
      'documents one after the other',
      [rowText('12345678901234567890.10'), rowText('1')].map(pretty).join('\n'),
    ],
  ])('%s is read with every digit', async (_what, content) => {
    const { code, said } = await importText('rows.json', content);
    expect([code, said]).toEqual([0, expect.stringContaining('read 2 rows of JSON as events of the API')]);
    expect(bench.edge.bodies[0]).toContain('12345678901234567890.10');
  });

  it.each([
    ['ends early', `[${rowText('1')},${rowText('2').slice(0, -5)}`, /cannot be read beyond line 1/],
    ['is not UTF-8', Buffer.from(`[${rowText('1').replace('m"', 'm\u00e9"')}]`, 'latin1'), /must be UTF-8/],
  ])('a list that %s is a sentence', async (_what, content, says) => {
    const { code, said } = await importText('rows.json', content);
    expect([code, said]).toEqual([1, expect.stringMatching(says)]);
  });
});

it('a zstd file of several frames is never read in part without a word', async () => {
  // Node's decoder drops what follows the first frame in the same chunk.
  const frames = [rowText('1'), rowText('2')].map((row) => zstdCompressSync(`${row}\n`));
  const { code, said } = await importText('rows.jsonl.zst', Buffer.concat(frames));
  expect([code, said]).toEqual([1, expect.stringContaining('something follows its first zstd frame')]);
});

describe('U13: units', () => {
  const one = { organization: '=org_1', metric: '=m', quantity: 'n' };
  it.each<[string, string, string]>([
    ['GB', '1.5', '1500000000'],
    ['GiB', '0.1', '107374182.4'],
    ['ms', '1', '0.001'],
    ['h', '1.1', '3960'],
    ['thousand', '9007199254740993', '9007199254740993000'],
    ['0.001', '12345678901234567890.12', '12345678901234567.89012'],
    ['1e-6', '-3e2', '-0.0003'],
  ])('a quantity in %s of %s is %s', async (unit, quantity, expected) => {
    await importText('rows.csv', `n,x\n${quantity},1`, { columns: { ...one, quantity_unit: unit } });
    expect(bench.sent()[0]?.['quantity']).toBe(expected);
  });

  it('what is no quantity is refused in the words of the API', async () => {
    const { said } = await importText('rows.csv', 'n,x\nmany,1', {
      columns: { ...one, quantity_unit: 'GB' },
    });
    expect(said).toContain('not_a_decimal quantity: 1');
  });

  it.each<[Partial<NonNullable<HereOptions['columns']>>, string, string]>([
    [{ time_unit: 's' }, '1793610000', '2026-11-02T09:00:00Z'],
    [{ time_unit: 's' }, '1793610000.123456789', '2026-11-02T09:00:00.123456789Z'],
    [{ time_unit: 's' }, '2026-11-02T09:00:00Z', '2026-11-02T09:00:00Z'],
    [{ time_unit: 'ms' }, '1793610000001', '2026-11-02T09:00:00.001Z'],
    [{ time_unit: 'us' }, '1793610000000001', '2026-11-02T09:00:00.000001Z'],
    [{ time_unit: 'ns' }, '1793610000000000001', '2026-11-02T09:00:00.000000001Z'],
    [{ time_zone: '+02:00' }, '2026-11-02 11:00:00', '2026-11-02 11:00:00+02:00'],
    [{ time_zone: 'Z' }, '2026-11-02', '2026-11-02T00:00:00Z'],
    [{}, '2026-11-02 09:00:00.5+00', '2026-11-02 09:00:00.5+00:00'],
    [{}, '02/Nov/2026:10:00:00 +0100', '2026-11-02T10:00:00+01:00'],
  ])('a time by %o of %s is %s', async (rule, time, expected) => {
    await importText('rows.csv', `n,t\n1,${time}`, { columns: { ...one, time: 't', ...rule } });
    expect(bench.sent()[0]?.['timestamp']).toBe(expected);
  });

  it.each([
    ['no zone', '2026-11-02 11:00:00'],
    ['no unit', '1793610000'],
    ['no time', ''],
  ])('a time with %s is refused, not guessed', async (_what, time) => {
    const { code, said } = await importText('rows.csv', `n,t\n1,${time}`, { columns: { ...one, time: 't' } });
    expect([code, said]).toEqual([3, expect.stringContaining('timestamp: 1 (line 2)')]);
  });
});
