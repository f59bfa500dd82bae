/** Files of other programs: each sample adds up to totals that another program has computed. */
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createClient } from '../../client/client.ts';
import { type PresetName, presetNames, presetOf } from '../../localstack/importing/presets.ts';
import { readExpectedTotals, verifyTotals } from '../../localstack/importing/verify-totals.ts';
import { deadlineCheckMs } from '../../shared/limits.ts';
import { type HereOptions, type ImportBench, startImportBench } from '../harness/importing/import-run.ts';

vi.setConfig({ testTimeout: 30_000 });

let bench: ImportBench;

beforeEach(async () => {
  bench = await startImportBench();
});

afterEach(() => bench.close());
// What has answered looks once more whether a request is late.
afterAll(() => setTimeout(2 * deadlineCheckMs));

interface Sample {
  readonly file: string;
  /** Rows of the file, those that are no usage, events, and what is rejected. */
  readonly sums: {
    readonly read: number;
    readonly skipped: number;
    readonly accepted: number;
    readonly refused: number;
  };
  readonly says: readonly (string | RegExp)[];
  readonly options?: HereOptions;
}

const samples: Readonly<Record<PresetName, Sample>> = {
  litellm: {
    file: 'litellm.jsonl',
    sums: { read: 5, skipped: 0, accepted: 17, refused: 0 },
    says: ['JSON Lines as litellm, known by its columns'],
  },
  openai: {
    file: 'openai.page.json',
    sums: { read: 4, skipped: 1, accepted: 14, refused: 0 },
    says: ['JSON as openai, known by its columns', 'skipped: its period has not ended'],
  },
  anthropic: {
    file: 'anthropic.page.json',
    sums: { read: 3, skipped: 0, accepted: 12, refused: 1 },
    says: [
      /missing_field organization_id: 1 \(row 3\).*nothing in workspace_id, api_key_id; it has starting_at/,
    ],
  },
  focus: {
    file: 'focus.csv',
    sums: { read: 8, skipped: 2, accepted: 5, refused: 1 },
    says: [
      'CSV as focus, known by its columns',
      'skipped: ChargeCategory is not Usage: 2',
      /refused ChargeClass: 1 \(line 10\): a correction/,
    ],
  },
  cur2: {
    file: 'cur2.csv.gz',
    sums: { read: 9, skipped: 3, accepted: 6, refused: 0 },
    says: ['CSV in gzip as cur2, known by its columns', 'line_item_line_item_type is no usage: 3'],
  },
  stripe: {
    file: 'stripe.jsonl',
    sums: { read: 6, skipped: 0, accepted: 6, refused: 0 },
    says: ['as stripe, known by its columns', '2 events have no idempotency_key'],
  },
  otlp: {
    file: 'otlp.jsonl',
    sums: { read: 9, skipped: 0, accepted: 6, refused: 3 },
    says: [
      'as otlp, known by its columns',
      /not_a_delta: 1 .*OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta/,
      /not_a_sum: 2 .*gauge/,
    ],
  },
  nginx: {
    file: 'nginx.log',
    sums: { read: 6, skipped: 0, accepted: 8, refused: 2 },
    says: ['a log as nginx', /wrong_format: 1 \(line 6\)/, /missing_field organization_id: 1 \(line 4\)/],
    options: { mapping: { name: 'nginx', rules: presetOf('nginx') } },
  },
  cloudevents: {
    file: 'cloudevents.batch.json',
    sums: { read: 5, skipped: 0, accepted: 4, refused: 1 },
    says: ['JSON as cloudevents', /missing_field organization_id: 1 \(row 5\).*nothing in subject/],
  },
  lago: {
    file: 'lago.batch.json',
    sums: { read: 3, skipped: 0, accepted: 3, refused: 0 },
    says: ['JSON as lago'],
    options: { mapping: { name: 'lago', rules: presetOf('lago') }, columns: { quantity: 'properties.gb' } },
  },
};

it.each(presetNames)(
  'U2, U13: the sample of %s counts once and exactly, also when it is imported again',
  async (name) => {
    const { file, sums, says, options } = samples[name];
    const expected = await readExpectedTotals(`test/data/formats/${name}.totals.json`);
    const client = createClient({ url: bench.edge.url });
    for (let round = 0; round < 2; round++) {
      const { report, said } = await bench.importHere(`test/data/formats/${file}`, options);
      expect(report).toMatchObject(sums);
      for (const sentence of says) expect(said).toMatch(sentence);
      const { compared, differences } = await verifyTotals(client, expected, '', Date.now());
      expect([compared > 0, differences]).toEqual([true, []]);
    }
    await client.close();
  },
);

it('a preset without a quantity says what to name', async () => {
  const { code, said } = await bench.importHere('test/data/formats/lago.batch.json');
  expect([code, said]).toEqual([1, expect.stringContaining('give --quantity COLUMN, or --quantity =1')]);
});

it('U2: CloudEvents that were sent to the API count once when their file is imported', async () => {
  const path = 'test/data/formats/cloudevents.batch.json';
  const [first, ...others] = JSON.parse(await readFile(path, 'utf8'));
  const expected = await readExpectedTotals('test/data/formats/cloudevents.totals.json');
  const headers = { 'content-type': 'application/cloudevents+json' };
  for (const event of [first, others[0]]) {
    const request = { method: 'POST', headers, body: JSON.stringify(event) };
    expect((await fetch(`${bench.edge.url}/api/v1/events`, request)).status).toBe(204);
  }
  await bench.importHere(path);
  const client = createClient({ url: bench.edge.url });
  expect((await verifyTotals(client, expected, '', Date.now())).differences).toEqual([]);
  await client.close();
});

it('a key of several columns is the list of their values in JSON', async () => {
  await bench.importHere('test/data/formats/litellm.jsonl');
  expect(bench.edge.bodies[0]).toContain(String.raw`"idempotency_key":"[\"chatcmpl-9f2a1c\",\"requests\"]"`);
});

it('the columns that are labels become dimensions, and others are kept as properties', async () => {
  await bench.importHere('test/data/formats/litellm.jsonl');
  expect(bench.edge.bodies[0]).toContain(
    '"dimensions":{"model":"gpt-4o-mini","call_type":"acompletion"},"properties":{"user":',
  );
});
