/** What a synthesized App stack asks of the services that an emulator lacks, and the deployed functions' names. */
import { readFileSync } from 'node:fs';
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { z } from 'zod';
import { UserError } from '../processes/user-error.ts';

const reference = z.object({ Ref: z.string() }).transform(({ Ref }) => Ref);
const attribute = z
  .object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) })
  .transform(({ 'Fn::GetAtt': [resource] }) => resource);
const group = z.object({ ConsumerGroupId: z.string() });

/** The literals are all that the stand-in does: a template that asks for something else is refused. */
const mappingSchema = z
  .object({
    FunctionName: reference,
    Topics: z.tuple([z.string()]),
    BatchSize: z.number(),
    MaximumBatchingWindowInSeconds: z.number(),
    StartingPosition: z.literal('TRIM_HORIZON'),
    MaximumRetryAttempts: z.literal(-1),
    FunctionResponseTypes: z.tuple([z.literal('ReportBatchItemFailures')]),
    SelfManagedKafkaEventSourceConfig: group.optional(),
    AmazonManagedKafkaEventSourceConfig: group.optional(),
    DestinationConfig: z.undefined().optional(),
    FilterCriteria: z.undefined().optional(),
    BisectBatchOnFunctionError: z.undefined().optional(),
  })
  .transform((properties, issues) => {
    const named =
      properties.SelfManagedKafkaEventSourceConfig ?? properties.AmazonManagedKafkaEventSourceConfig;
    if (named !== undefined)
      return {
        functionId: properties.FunctionName,
        topic: properties.Topics[0],
        groupId: named.ConsumerGroupId,
        recordsMax: properties.BatchSize,
        windowMs: properties.MaximumBatchingWindowInSeconds * 1000,
      };
    issues.addIssue('the consumer group has no name');
    return z.NEVER;
  });

const scheduleSchema = z
  .object({
    ScheduleExpression: z.literal('rate(1 minute)'),
    State: z.literal('ENABLED'),
    Target: z.object({ Arn: attribute, Input: z.string() }),
  })
  .transform(({ Target: { Arn, Input } }) => ({ functionId: Arn, input: JSON.parse(Input) as unknown }));

const templateSchema = z.object({
  Resources: z.record(z.string(), z.object({ Type: z.string(), Properties: z.unknown() })),
});

/** The one event source mapping of a template: which function gets what from the log, and how. */
export type DeclaredMapping = z.output<typeof mappingSchema>;

/** Reads the mapping. Throws a UserError that names what the stand-in does not do. */
export function readMapping(templateFile: string): DeclaredMapping {
  return readOne(templateFile, 'AWS::Lambda::EventSourceMapping', mappingSchema);
}

/** Reads the schedules' targets. Throws a UserError as `readMapping` does. */
export function readSchedules(templateFile: string): readonly z.output<typeof scheduleSchema>[] {
  return readAll(templateFile, 'AWS::Scheduler::Schedule', scheduleSchema);
}

// Same type: a file and a CloudFormation type, which no file is called after.
function readOne<T>(templateFile: string, type: string, schema: z.ZodType<T>): T {
  const [found, ...others] = readAll(templateFile, type, schema);
  if (found !== undefined && others.length === 0) return found;
  throw new UserError(`${templateFile} has ${others.length + (found ? 1 : 0)} of ${type}, not one.`);
}

// Same type: a file and a CloudFormation type, which no file is called after.
function readAll<T>(templateFile: string, type: string, schema: z.ZodType<T>): readonly T[] {
  const { Resources } = templateSchema.parse(JSON.parse(readFileSync(templateFile, 'utf8')));
  return Object.values(Resources)
    .filter(({ Type }) => Type === type)
    .map(({ Properties }) => {
      const parsed = schema.safeParse(Properties);
      if (parsed.success) return parsed.data;
      const why = z.prettifyError(parsed.error);
      throw new UserError(`${type} of ${templateFile} cannot be stood in for: ${why}`);
    });
}

/** The name that a function of the stack has where it is deployed, by its logical id. */
// Same type: a stack holds its resources; CloudFormation knows no stack of a resource's name.
export async function deployedName(stack: string, logicalId: string): Promise<string> {
  const request = new DescribeStackResourcesCommand({ StackName: stack, LogicalResourceId: logicalId });
  const { StackResources = [] } = await new CloudFormationClient({}).send(request);
  const name = StackResources[0]?.PhysicalResourceId;
  if (name === undefined) throw new UserError(`The stack ${stack} has no resource ${logicalId}.`);
  return name;
}
