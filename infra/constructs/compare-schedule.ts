import { Duration, aws_iam as iam, type aws_lambda as lambda } from 'aws-cdk-lib';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { acknowledge, logicalIdOf } from '../checks/acknowledge.ts';

/** Compares the API keys of the shards every minute: a shard that was away answers for none before. */
export class CompareSchedule extends Construct {
  constructor(scope: Construct, id: string, keys: lambda.Function) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com'),
    });
    new Schedule(this, 'EveryMinute', {
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      timeWindow: TimeWindow.off(),
      target: new LambdaInvoke(keys, {
        role,
        retryAttempts: 0,
        maxEventAge: Duration.minutes(1),
        input: ScheduleTargetInput.fromObject({ compare: true }),
      }),
      description: 'Compares the API keys of the shards',
    });
    const reason = 'The target grants the function’s versions too; it has none.';
    acknowledge(role, 'DefaultPolicy/Resource', `IAM5[Resource::<${logicalIdOf(keys)}.Arn>:*]`, reason);
  }
}
