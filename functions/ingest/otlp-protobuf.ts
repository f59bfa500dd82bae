/**
 * OTLP's metrics in protobuf, as the members that its JSON has. Only what is read is described here: a decoder skips every
 * field that it does not know. The numbers are those of opentelemetry-proto, which never changes them.
 */
import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { invariant } from '../../shared/errors.ts';
import { otlpMessagesMax } from '../../shared/limits.ts';

interface FieldRule {
  readonly number: number;
  /** A type of protobuf in lower case, or the name of a message below. */
  readonly type: string;
  readonly many?: true;
  /** One of several members, of which a message has one: its zero is written too. */
  readonly choice?: true;
}

const one = (number: number, type: string): FieldRule => ({ number, type });
const many = (number: number, type: string): FieldRule => ({ number, type, many: true });
const choice = (number: number, type: string): FieldRule => ({ number, type, choice: true });

const messages: Readonly<Record<string, Readonly<Record<string, FieldRule>>>> = {
  Request: { resourceMetrics: many(1, 'ResourceMetrics') },
  ResourceMetrics: { resource: one(1, 'Resource'), scopeMetrics: many(2, 'ScopeMetrics') },
  Resource: { attributes: many(1, 'KeyValue') },
  ScopeMetrics: { scope: one(1, 'Scope'), metrics: many(2, 'Metric') },
  Scope: { name: one(1, 'string'), version: one(2, 'string'), attributes: many(3, 'KeyValue') },
  Metric: {
    name: one(1, 'string'),
    unit: one(3, 'string'),
    gauge: choice(5, 'Refused'),
    sum: choice(7, 'Sum'),
    histogram: choice(9, 'Refused'),
    exponentialHistogram: choice(10, 'Refused'),
    summary: choice(11, 'Refused'),
  },
  Sum: {
    dataPoints: many(1, 'Point'),
    // An enumeration; its numbers are read.
    aggregationTemporality: one(2, 'int32'),
    isMonotonic: one(3, 'bool'),
  },
  /** A kind of metric whose points are only numbered. */
  Refused: { dataPoints: many(1, 'Nothing') },
  Nothing: {},
  Point: {
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    asDouble: choice(4, 'double'),
    asInt: choice(6, 'sfixed64'),
    attributes: many(7, 'KeyValue'),
    flags: one(8, 'uint32'),
  },
  KeyValue: { key: one(1, 'string'), value: one(2, 'AnyValue') },
  AnyValue: {
    stringValue: choice(1, 'string'),
    boolValue: choice(2, 'bool'),
    intValue: choice(3, 'int64'),
    doubleValue: choice(4, 'double'),
    arrayValue: choice(5, 'Values'),
    kvlistValue: choice(6, 'Members'),
    bytesValue: choice(7, 'bytes'),
  },
  Values: { values: many(1, 'AnyValue') },
  Members: { values: many(1, 'KeyValue') },
  Response: { partialSuccess: one(1, 'PartialSuccess') },
  PartialSuccess: { rejectedDataPoints: one(1, 'int64'), errorMessage: one(2, 'string') },
};

function describe(name: string, fields: Readonly<Record<string, FieldRule>>) {
  const rules = Object.entries(fields);
  return {
    name,
    field: rules.map(([member, { number, type, many: repeated, choice: chosen }]) => ({
      name: member,
      jsonName: member,
      number,
      label: repeated ? 'LABEL_REPEATED' : 'LABEL_OPTIONAL',
      ...(type in messages
        ? { type: 'TYPE_MESSAGE', typeName: `.${type}` }
        : { type: `TYPE_${type.toUpperCase()}` }),
      ...(chosen ? { oneofIndex: 0 } : {}),
    })),
    oneofDecl: rules.some(([, { choice: chosen }]) => chosen) ? [{ name: 'chosen' }] : [],
  };
}

interface Schemas {
  readonly request: DescMessage;
  readonly response: DescMessage;
}

let made: Schemas | undefined;

/** Made for the first export, so that nobody else waits for it. */
function schemas(): Schemas {
  if (made !== undefined) return made;
  const messageType = Object.entries(messages).map(([name, fields]) => describe(name, fields));
  const file = fromJson(FileDescriptorProtoSchema, { name: 'otlp.proto', syntax: 'proto3', messageType });
  const registry = createFileRegistry(file, () => undefined);
  const [request, response] = [registry.getMessage('Request'), registry.getMessage('Response')];
  invariant(request !== undefined && response !== undefined, 'the description of OTLP holds both messages');
  made = { request, response };
  return made;
}

type OtlpReading =
  | { readonly kind: 'read'; readonly document: object }
  | { readonly kind: 'malformed' | 'too-many' };

/** The export as OTLP's JSON has it, with numbers of 64 bits as text. */
export function readOtlpProtobuf(bytes: Uint8Array): OtlpReading {
  const { request } = schemas();
  try {
    if (!hasFewMessages(bytes)) return { kind: 'too-many' };
    // A message as JSON is an object.
    const document = toJson(request, fromBinary(request, bytes, { readUnknownFields: false })) as object;
    return { kind: 'read', document };
  } catch {
    // Whatever the decoder does not like: bytes that end too soon, text that is not UTF-8, messages nested too deep.
    return { kind: 'malformed' };
  }
}

/** Whether there are at most `otlpMessagesMax`: an empty one takes two bytes here, and a hundred times that as an object. */
function hasFewMessages(bytes: Uint8Array): boolean {
  const reader = new BinaryReader(bytes);
  /** Of each message that is open, its type and where it ends. */
  const open = [{ type: 'Request', end: bytes.length }];
  let messages = 0;
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (reader.pos >= top.end) {
      open.pop();
      continue;
    }
    const [number, wireType] = reader.tag();
    const type = typesOf(top.type).get(number);
    if (type === undefined || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      continue;
    }
    messages += 1;
    if (messages > otlpMessagesMax) return false;
    const length = reader.uint32();
    open.push({ type, end: reader.pos + length });
  }
  return true;
}

/** By number the fields of a message that hold messages. */
const messageFields = new Map(
  Object.entries(messages).map(([name, fields]) => {
    const rules = Object.values(fields).filter(({ type }) => type in messages);
    return [name, new Map(rules.map(({ number, type }) => [number, type]))] as const;
  }),
);

function typesOf(message: string): ReadonlyMap<number, string> {
  return messageFields.get(message) ?? new Map();
}

export interface OtlpPartialSuccess {
  readonly rejectedDataPoints: string;
  readonly errorMessage: string;
}

export function writeOtlpProtobuf(partialSuccess: OtlpPartialSuccess | undefined): Buffer {
  const { response } = schemas();
  if (partialSuccess === undefined) return Buffer.from(toBinary(response, create(response)));
  return Buffer.from(toBinary(response, fromJson(response, { partialSuccess: { ...partialSuccess } })));
}
