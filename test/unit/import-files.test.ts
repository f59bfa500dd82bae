/** Files as other programs write them: each is counted row for row, or refused by name. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ImportBench, rowText, runImport, startImportBench } from '../harness/importing/import-run.ts';

// Some tests start the importer as a process of its own.
vi.setConfig({ testTimeout: 30_000 });

let bench: ImportBench;

beforeEach(async () => {
  bench = await startImportBench();
});

afterEach(() => bench.close());

const plain = [rowText('1'), rowText('2'), rowText('3')];
const keyed = (key: string) => rowText('1', `,"idempotency_key":"${key}"`);
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

interface Case {
  readonly what: string;
  readonly name?: string;
  readonly content: string | Buffer;
  readonly code: number;
  readonly counted: number;
  readonly says: string | RegExp;
  readonly saysNot?: string;
}

const cases: readonly Case[] = [
  {
    what: 'a line separator inside a string ends no line',
    content: [rowText('1', ',"properties":{"a":"x\u2028y\u2029z\u0085"}'), ...plain].join('\n'),
    code: 0,
    counted: 4,
    says: 'accepted 4, rejected 0',
  },
  {
    what: 'lines that end with CR LF, and an empty last line',
    content: `${plain.join('\r\n')}\r\n\r\n`,
    code: 0,
    counted: 3,
    says: 'accepted 3, rejected 0',
  },
  {
    what: 'a byte order mark is ignored, also where two such files were joined',
    content: `\ufeff${plain[0]}\n\ufeff${plain[1]}`,
    code: 0,
    counted: 2,
    says: 'accepted 2, rejected 0',
  },
  {
    what: 'rows in Latin-1 are refused, each of them',
    content: Buffer.from(['clé', 'clè', 'clê', 'cle'].map(keyed).join('\n'), 'latin1'),
    code: 3,
    counted: 1,
    says: /invalid_utf8: 3 \(line 1, 2, 3\).*Latin-1.*iconv/,
  },
  {
    what: 'a character that is cut off is no other character',
    content: Buffer.concat([Buffer.from(keyed('€')).subarray(0, -3), Buffer.from(`"}\n${keyed('x')}`)]),
    code: 3,
    counted: 1,
    says: 'invalid_utf8: 1 (line 1)',
  },
  ...[
    { what: 'UTF-16 with its mark', content: utf16(`\ufeff${plain.join('\n')}`), says: 'in UTF-16' },
    { what: 'UTF-16 without a mark', content: utf16(plain.join('\n')), says: 'in UTF-16' },
    {
      what: 'UTF-16 in the other order',
      content: utf16(`\ufeff${plain.join('\n')}`).swap16(),
      says: 'in UTF-16',
    },
    {
      what: 'UTF-16 within gzip',
      name: 'rows.jsonl.gz',
      content: gzipSync(utf16(`\ufeff${plain.join('\n')}`)),
      says: 'in UTF-16',
    },
    { what: 'gzip within gzip', content: gzipSync(gzipSync(plain.join('\n'))), says: 'gzip' },
    { what: 'a zip archive', content: Buffer.from('504b030414000000', 'hex'), says: 'a zip archive' },
    { what: 'zstd within zstd', content: zstdCompressSync(zstdCompressSync(plain.join('\n'))), says: 'zstd' },
  ].map((file) => ({
    ...file,
    what: `${file.what} is refused in one sentence before anything is sent`,
    code: 1,
    counted: 0,
    saysNot: 'un it again',
  })),
  {
    what: 'gzip under a name in capitals',
    name: 'ROWS.JSONL.GZ',
    content: gzipSync(plain.join('\n')),
    code: 0,
    counted: 3,
    says: 'accepted 3, rejected 0',
  },
  {
    what: 'gzip under the name of a plain file',
    name: 'rows.jsonl',
    content: gzipSync(plain.join('\n')),
    code: 0,
    counted: 3,
    says: 'accepted 3, rejected 0',
  },
  {
    what: 'a plain file under the name of a gzip file',
    name: 'rows.jsonl.gz',
    content: plain.join('\n'),
    code: 0,
    counted: 3,
    says: 'accepted 3, rejected 0',
  },
  {
    what: 'an empty file',
    content: '',
    code: 0,
    counted: 0,
    says: 'accepted 0, rejected 0',
  },
  {
    what: 'rows of any script fit the requests that the server takes',
    content: Array.from({ length: 400 }, (_, index) =>
      rowText('1', `,"idempotency_key":"${index}","properties":{"a":"${'计'.repeat(1200)}"}`),
    ).join('\n'),
    code: 0,
    counted: 400,
    says: 'accepted 400, rejected 0',
  },
  {
    what: 'a row that no request can hold is refused, and the others are counted',
    content: [plain[0], rowText('1', `,"properties":{"a":"${'计'.repeat(400_000)}"}`), plain[1]].join('\n'),
    code: 3,
    counted: 2,
    says: 'too_long: 1 (line 2)',
  },
  {
    what: 'a row nested without end is refused, and the others are counted',
    content: [
      plain[0],
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      keyed('k').replace('"k"', `${'['.repeat(5000)}${']'.repeat(5000)}`),
    ].join('\n'),
    code: 3,
    counted: 1,
    says: 'accepted 1, rejected 2',
  },
  {
    what: 'a refused row without a timestamp is not said to count on another day',
    content: '{"specversion":"1.0","id":"1","type":"m"}',
    code: 3,
    counted: 0,
    says: 'accepted 0, rejected 1',
    saysNot: 'no timestamp',
  },
  {
    what: 'refusals are grouped by code and field',
    content: ['{"quantity":1}', '{"organization_id":"o","quantity":1}', '{"quantity":2}'].join('\n'),
    code: 3,
    counted: 0,
    says: /missing_field organization_id: 2 \(line 1, 3\).*\n.*missing_field metric_name: 1 \(line 2\)/,
  },
  {
    what: 'properties that are a list are not taken for none',
    content: rowText('1', ',"properties":[]'),
    code: 3,
    counted: 0,
    says: 'wrong_type properties: 1',
  },
  {
    what: 'text of another kind is refused with what the file must be',
    content: 'one\ntwo',
    code: 3,
    counted: 0,
    says: /invalid_json: 2 \(line 1, 2\).*one JSON object a line/,
  },
];

describe('a file of events', () => {
  it.each(cases)('$what', async ({ name = 'rows.jsonl', content, ...expected }) => {
    const { code, said } = await bench.importHere(await bench.fileOf(name, content));
    expect([code, await bench.counted()]).toEqual([expected.code, expected.counted]);
    expect(said).toMatch(expected.says);
    if (expected.saysNot !== undefined) expect(said).not.toContain(expected.saysNot);
  });
});

it('gzip of several members is read from the standard input', async () => {
  const members = Buffer.concat(plain.map((row) => gzipSync(`${row}\n`)));
  const { code, stdout } = await runImport(['-', '--url', bench.edge.url], {}, members);
  expect([code, stdout]).toEqual([0, expect.stringContaining('accepted 3, rejected 0')]);
});

it('U2: rows without key count once, however the file is renamed, packed, cut or sorted', async () => {
  const rows = [...plain, ...plain, rowText('1', ',"properties":{"a":1,"b":[]}')];
  const again: readonly (readonly [string, string | Buffer])[] = [
    ['other.jsonl', rows.join('\r\n')],
    ['rows.jsonl.gz', gzipSync(rows.join('\n'))],
    ['rows.jsonl', rows.slice(1).join('\n')],
    ['rows.jsonl', rows.toReversed().join('\n')],
    [
      'rows.jsonl',
      rows.map((row) => JSON.stringify(JSON.parse(row), null, ' ').replaceAll('\n', '')).join('\n'),
    ],
  ];
  await bench.importHere(await bench.fileOf('rows.jsonl', rows.join('\n')));
  const first = await bench.counted();
  for (const [name, content] of again) {
    expect((await bench.importHere(await bench.fileOf(name, content))).code).toBe(3);
    expect(await bench.counted()).toBe(first);
  }
  expect(first).toBe(6);
});

it('U2: a key that is null is no key', async () => {
  const path = await bench.fileOf('rows.jsonl', rowText('1', ',"idempotency_key":null,"properties":null'));
  for (let round = 0; round < 2; round++) {
    expect((await bench.importHere(path)).code).toBe(0);
    expect(await bench.counted()).toBe(1);
  }
});

it('equal rows of another file count when they are said to come from elsewhere', async () => {
  const path = await bench.fileOf('rows.jsonl', plain.join('\n'));
  const run = (...args: readonly string[]) => runImport([path, '--url', bench.edge.url, ...args]);
  const { stdout } = await run();
  expect(stdout).toContain('3 events have no idempotency_key');
  expect(await bench.counted()).toBe(3);
  for (let round = 0; round < 2; round++) {
    await run('--source', 'second');
    expect(await bench.counted()).toBe(6);
  }
});

describe('what running it again would not mend is said in one sentence', () => {
  it.each([
    ['a file that is not there', (folder: string) => [`${folder}/nowhere.jsonl`], 'There is no file'],
    ['a folder', (folder: string) => [folder], 'is a folder'],
    ['totals that are not there', (folder: string) => ['-', '--verify', `${folder}/x`], 'There is no file'],
    ['totals that are no JSON', () => ['-', '--verify', 'README.md'], 'does not hold expected totals'],
  ])('%s', async (_what, args, sentence) => {
    const { code, stdout, stderr } = await runImport(args(bench.folder));
    expect([code, stdout, stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain('un it again');
  });

  it('an address without http', async () => {
    const { code, stderr } = await runImport(['-', '--url', 'localhost:1']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('an address like http://localhost:8001')]);
  });

  it('a request that is refused for good', async () => {
    const path = await bench.fileOf('rows.jsonl', plain.join('\n'));
    bench.edge.interfere = () => ({ statusCode: 401, body: '{"detail":"There is no token."}' });
    const { code, stderr } = await runImport([path, '--url', bench.edge.url]);
    expect(code).toBe(1);
    expect(stderr).toContain('answered 401: There is no token.');
    expect(stderr).not.toMatch(/complete\. Run it again/);
  });
});
