import {
  type Duration,
  aws_iam as iam,
  aws_lambda as lambda,
  aws_logs as logs,
  RemovalPolicy,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { bundledCode } from '../bundling/bundle.ts';
import { acknowledge } from '../checks/acknowledge.ts';
import type { Placement } from '../data-plane/data-plane.ts';

export interface NodeFunctionProps {
  /** The file that exports `handler`, from the root of the repository. */
  readonly entry: string;
  /** Memory in MiB; CPU grows with it, one whole CPU at 1,769. */
  readonly memoryMb: number;
  /** Lambda ends an invocation after this time. */
  readonly timeout: Duration;
  /**
   * The network in which the function runs.
   * @default none: the function reaches the internet and nothing of ours
   */
  readonly placement?: Placement;
  /**
   * Variables that are known when the stack is synthesized. What a grant gives comes on top.
   * @default only what grants give
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** What the function is for, as the console shows it. */
  readonly description: string;
  /**
   * How many invocations run at once at most; nothing else in the account can take this share.
   * @default what the account has left
   */
  readonly reservedConcurrency?: number;
  /**
   * How often a failed asynchronous invocation is repeated, and for how long one may wait.
   * @default Lambda's own: twice, for six hours
   */
  readonly asyncRetries?: { readonly attempts: number; readonly maxAge: Duration };
}

/** One Lambda function with a role and a log group of its own, and nothing that it was not granted. */
export class NodeFunction extends Construct {
  readonly fn: lambda.Function;

  constructor(scope: Construct, id: string, props: NodeFunctionProps) {
    super(scope, id);
    const logGroup = new logs.LogGroup(this, 'Log', {
      retention: logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    const { asyncRetries, reservedConcurrency, placement = {} } = props;
    if (placement.vpc !== undefined) this.#mayUseInterfaces(role);
    this.fn = new lambda.Function(this, 'Function', {
      code: bundledCode(props.entry),
      handler: 'index.handler',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      description: props.description,
      memorySize: props.memoryMb,
      timeout: props.timeout,
      role,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      systemLogLevelV2: lambda.SystemLogLevel.WARN,
      applicationLogLevelV2: lambda.ApplicationLogLevel.DEBUG,
      environment: { NODE_OPTIONS: '--enable-source-maps', ...props.environment },
      ...placement,
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      ...(asyncRetries === undefined
        ? {}
        : { retryAttempts: asyncRetries.attempts, maxEventAge: asyncRetries.maxAge }),
    });
  }

  /** What AWSLambdaVPCAccessExecutionRole allows, without its rights on logs. */
  #mayUseInterfaces(role: iam.Role): void {
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: [
          'ec2:AssignPrivateIpAddresses',
          'ec2:CreateNetworkInterface',
          'ec2:DeleteNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:UnassignPrivateIpAddresses',
        ],
        resources: ['*'],
      }),
    );
    const reason = 'Lambda makes the network interfaces in the function’s name before they have an ARN.';
    acknowledge(role, 'DefaultPolicy/Resource', 'IAM5[Resource::*]', reason);
  }
}
