import { it } from 'vitest';
import { createPropertiesDigest, PropertySealer } from '../../../functions/ingest/seal-properties.ts';
import { fingerprintOf, keyHash } from '../../../shared/events/identity.ts';
import { propertiesColumn, sealingNonce } from '../../../shared/events/sealed-properties.ts';
import { expectGolden, hexDump, jsonText } from '../../harness/builders/golden-file.ts';
import { goldenEncryptionKey, goldenProducerId } from '../../harness/builders/golden-records.ts';
import { noonMs } from '../../harness/builders/records.ts';

const digestProperties = createPropertiesDigest(goldenEncryptionKey);
const event = {
  organization: 'org_1',
  metric: 'api_calls',
  quantity: '1.5',
  idempotencyKey: 'key-1',
  eventTimeMs: noonMs,
  undated: false,
  dimensions: '',
  propertiesDigest: null,
};

const events = [
  event,
  { ...event, undated: true },
  { ...event, undated: true, eventTimeMs: noonMs + 1 },
  { ...event, eventTimeMs: noonMs + 1 },
  { ...event, quantity: '-12345678901234567890.123456789012345678' },
  { ...event, organization: 'a'.repeat(128), idempotencyKey: 'k'.repeat(512) },
  { ...event, organization: 'org_', idempotencyKey: '1key-1' },
  { ...event, idempotencyKey: 'schlüssel-日本-🔑' },
  { ...event, idempotencyKey: '"quoted" \\ back/slash\t\u2028' },
  { ...event, propertiesDigest: digestProperties('{}') },
  { ...event, propertiesDigest: digestProperties('{"n":1.5,"name":"日本"}') },
  { ...event, dimensions: '{"region":"eu"}' },
  { ...event, dimensions: '{"model":"m \\"1\\"","region":"日本"}', propertiesDigest: digestProperties('{}') },
];

it('key hashes and fingerprints are those of the golden file', async () => {
  const table = events.map((each) => ({
    ...each,
    keyHash: keyHash(each.organization, each.idempotencyKey),
    fingerprint: fingerprintOf(each),
  }));
  await expectGolden('formats/identity.json', jsonText(table));
});

it('sealed properties have the bytes of the golden file', async () => {
  const sealer = new PropertySealer(goldenEncryptionKey, goldenProducerId);
  const places = [
    { sequence: 0, index: 0, organization: 'org_1', idempotencyKey: 'key-1', text: '{}' },
    {
      sequence: 2 ** 40 + 3,
      index: 999,
      organization: 'a'.repeat(128),
      idempotencyKey: 'schlüssel',
      text: '{"n":1.5,"name":"日本"}',
    },
  ];
  const columns = places.map(({ text, ...place }) => {
    const { sequence, index } = place;
    const column = propertiesColumn(goldenProducerId, sequence, index, sealer.seal(place, text));
    const nonce = sealingNonce(sequence, index).toString('hex');
    return `### ${text} at ${sequence}/${index}, nonce ${nonce}\n${hexDump(column)}\n`;
  });
  await expectGolden('formats/properties-column.txt', columns.join('\n'));
});
