/** What every role of a stage may do, in names that a reviewer knows. */
import { z } from 'zod';
import type { Stage } from '../../infra/config/stage.ts';
import { synthesize } from './synthesize.ts';

/** One statement of a role. */
export interface Grant {
  /** Stack and logical id, without hashes. */
  readonly role: string;
  readonly assumedBy: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.union([item.transform((one): z.output<Item>[] => [one]), z.array(item)]);

/** Strict: a condition, a denial or an exception must not go unseen. */
const trust = z.strictObject({
  Version: z.string(),
  Statement: z.tuple([
    z.strictObject({
      Action: z.literal('sts:AssumeRole'),
      Effect: z.literal('Allow'),
      Principal: z.strictObject({ Service: z.string() }),
    }),
  ]),
});
const permissions = z.strictObject({
  Version: z.string(),
  Statement: z.array(
    z.strictObject({
      Action: oneOrMore(z.string()),
      Effect: z.literal('Allow'),
      Resource: z.union([z.array(z.unknown()), z.unknown().transform((one) => [one])]),
    }),
  ),
});
const role = z.strictObject({
  AssumeRolePolicyDocument: trust,
  ManagedPolicyArns: z.array(z.unknown()).default([]),
  Tags: z.unknown().optional(),
});
const policy = z.strictObject({
  PolicyDocument: permissions,
  PolicyName: z.string(),
  Roles: z.array(z.object({ Ref: z.string() })),
});
const template = z.object({
  Resources: z.record(z.string(), z.object({ Type: z.string(), Properties: z.unknown() })),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown() })).default({}),
});

type Templates = ReadonlyMap<string, z.output<typeof template>>;

/** Every grant of every role of every stack; a role without any is an error. */
export function grantsOf(stage: Stage): readonly Grant[] {
  const templates: Templates = new Map(
    [...synthesize(stage).templates].map(([stack, made]) => [stack, template.parse(made.toJSON())]),
  );
  return [...templates].flatMap(([stack, { Resources }]) => {
    const named = (type: string) => Object.entries(Resources).filter(([, { Type }]) => Type === type);
    if (named('AWS::IAM::ManagedPolicy').length > 0) throw new Error('managed policies of ours are not read');
    const policies = named('AWS::IAM::Policy').map(([, { Properties }]) => policy.parse(Properties));
    return named('AWS::IAM::Role').flatMap(([id, { Properties }]) => {
      const { AssumeRolePolicyDocument, ManagedPolicyArns } = role.parse(Properties);
      const [{ Principal }] = AssumeRolePolicyDocument.Statement;
      const of = { role: `${stack} ${withoutHash(id)}`, assumedBy: Principal.Service };
      const attached = policies.filter(({ Roles }) => Roles.some(({ Ref }) => Ref === id));
      const own = attached.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
      const grants = [
        ...own.map(({ Action, Resource }) => ({
          ...of,
          actions: Action,
          resources: Resource.map((resource) => textOf(resource, templates)),
        })),
        ...ManagedPolicyArns.map((arn) => {
          return { ...of, actions: ['what the managed policy says'], resources: [textOf(arn, templates)] };
        }),
      ];
      if (grants.length === 0) throw new Error(`${of.role} may do nothing`);
      return grants;
    });
  });
}

const expression = z.union([
  z.string(),
  z.strictObject({ Ref: z.string() }),
  z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }),
  z.strictObject({ 'Fn::ImportValue': z.string() }),
  z.strictObject({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) }),
  z.strictObject({ 'Fn::GetStackOutput': z.object({ StackName: z.string(), OutputName: z.string() }) }),
]);

function textOf(value: unknown, templates: Templates): string {
  const read = expression.parse(value);
  // The account of the stage, which a stack of no account writes as a reference.
  if (typeof read === 'string') return read.replace(/(?<=:)\d{12}(?=:)/, 'AccountId');
  if ('Ref' in read) return withoutHash(read.Ref.replace(/^AWS::/, ''));
  if ('Fn::GetAtt' in read) return withoutHash(read['Fn::GetAtt'][0]);
  if ('Fn::ImportValue' in read) return read['Fn::ImportValue'];
  if ('Fn::Join' in read) return read['Fn::Join'][1].map((part) => textOf(part, templates)).join('');
  const { StackName, OutputName } = read['Fn::GetStackOutput'];
  const stack = StackName.split('-').at(-1) ?? '';
  return `${stack} ${textOf(templates.get(stack)?.Outputs[OutputName]?.Value, templates)}`;
}

/** CDK ends the logical id of a construct below the stack with eight digits of a hash. */
function withoutHash(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, '');
}
