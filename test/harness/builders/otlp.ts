/** Exports of OTLP metrics, in JSON and, written byte by byte, in protobuf. */

const start = '1795427940000000000';
const end = '1795428000000000000';

export type Json = Readonly<Record<string, unknown>>;

// Same type: an attribute reads like a pair.
export function text(key: string, stringValue: string): Json {
  return { key, value: { stringValue } };
}

export function pointOf(members: Json = {}): Json {
  return { attributes: [], startTimeUnixNano: start, timeUnixNano: end, asInt: '3', ...members };
}

export function sumOf(dataPoints: readonly Json[], members: Json = {}): Json {
  return { name: 'tokens', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints, ...members } };
}

interface Export {
  readonly resource?: readonly Json[];
  readonly scope?: Json;
  readonly metrics?: readonly Json[];
}

export const owner = text('organization.id', 'org_1');

export function exportOf({
  resource = [owner],
  scope = { name: 'app' },
  metrics = [sumOf([pointOf()])],
}: Export = {}): Json {
  return { resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics: [{ scope, metrics }] }] };
}

/** Protobuf by hand: a field of bytes, of a varint, of 64 bits. */
export const bytesField = (number: number, ...parts: readonly (Buffer | string)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
};
// Same type: protobuf's own order.
const varintField = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number << 3), varint(value)]);
export const fixedField = (number: number, value: bigint): Buffer => {
  const fixed = Buffer.alloc(8);
  fixed.writeBigUInt64LE(BigInt.asUintN(64, value));
  return Buffer.concat([varint((number << 3) | 1), fixed]);
};
// Same type: protobuf's own order.
export const doubleField = (number: number, value: number): Buffer => {
  const fixed = Buffer.alloc(8);
  fixed.writeDoubleLE(value);
  return Buffer.concat([varint((number << 3) | 1), fixed]);
};

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** The same export as `exportOf`, with this value in its point. */
export function protobufExport(
  value: Buffer,
  kind: { readonly temporality: number } = { temporality: 1 },
): Buffer {
  const point = Buffer.concat([fixedField(2, BigInt(start)), fixedField(3, BigInt(end)), value]);
  const sum = bytesField(7, bytesField(1, point), varintField(2, kind.temporality), varintField(3, 1));
  const attribute = bytesField(1, bytesField(1, 'organization.id'), bytesField(2, bytesField(1, 'org_1')));
  const scopeMetrics = [bytesField(1, bytesField(1, 'app')), bytesField(2, bytesField(1, 'tokens'), sum)];
  return bytesField(1, bytesField(1, attribute), bytesField(2, ...scopeMetrics));
}
