import { type aws_cloudwatch as cloudwatch, Duration, type aws_lambda as lambda } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ENV_LOG_LEVEL, ENV_STAGE } from '../../shared/contracts/env.ts';
import type { Stage } from '../config/stage.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';

export type BillingFunctionName =
  | 'ingest'
  | 'consumer'
  | 'flusher'
  | 'query'
  | 'metrics'
  | 'operator'
  | 'authorizer'
  | 'credentials'
  | 'keys';

export interface BillingFunctionProps extends Omit<NodeFunctionProps, 'entry'> {
  /** The folder of the handler below `functions/`, and what alarms and dashboards call the function. */
  readonly name: BillingFunctionName;
  /** Gives the function its stage and log level. */
  readonly stage: Stage;
  /** Above which numbers its alarms ring. Required, so that no function is without alarms. */
  readonly alarms: FunctionThresholds;
}

/** A sum over five minutes above the threshold is an alarm. */
interface FunctionThresholds {
  readonly errorsMax: number;
  readonly throttlesMax: number;
}

export interface FunctionVitals {
  readonly name: BillingFunctionName;
  readonly thresholds: FunctionThresholds;
  readonly errors: cloudwatch.IMetric;
  readonly throttles: cloudwatch.IMetric;
  readonly invocations: cloudwatch.IMetric;
  readonly durationP95: cloudwatch.IMetric;
}

/** `functions/NAME/handler.ts` as a Lambda function, with what watches it. */
export class BillingFunction extends NodeFunction {
  readonly vitals: FunctionVitals;

  constructor(scope: Construct, id: string, { name, stage, alarms, ...props }: BillingFunctionProps) {
    const environment = { [ENV_STAGE]: stage.name, [ENV_LOG_LEVEL]: stage.logLevel, ...props.environment };
    super(scope, id, { ...props, entry: `functions/${name}/handler.ts`, environment });
    this.vitals = vitalsOf(name, alarms, this.fn);
  }
}

function vitalsOf(
  name: BillingFunctionName,
  thresholds: FunctionThresholds,
  fn: lambda.Function,
): FunctionVitals {
  const minute = { period: Duration.minutes(1) };
  const five = { period: Duration.minutes(5) };
  return {
    name,
    thresholds,
    errors: fn.metricErrors({ ...five, statistic: 'Sum' }),
    throttles: fn.metricThrottles({ ...five, statistic: 'Sum' }),
    invocations: fn.metricInvocations({ ...minute, statistic: 'Sum' }),
    durationP95: fn.metricDuration({ ...five, statistic: 'p95' }),
  };
}
