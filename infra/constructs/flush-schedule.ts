import { Duration, aws_iam as iam, type aws_lambda as lambda } from 'aws-cdk-lib';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { shardCount } from '../../shared/limits.ts';
import { acknowledge, logicalIdOf } from '../checks/acknowledge.ts';

/** Starts the flusher of each shard every minute; it runs for most of it. A tick that fails is not repeated: the next one is near. */
export class FlushSchedule extends Construct {
  constructor(scope: Construct, id: string, flusher: lambda.Function) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com'),
    });
    for (let shard = 0; shard < shardCount; shard++) {
      const input = ScheduleTargetInput.fromObject({ shards: [shard] });
      new Schedule(this, `EveryMinute${shard}`, {
        schedule: ScheduleExpression.rate(Duration.minutes(1)),
        timeWindow: TimeWindow.off(),
        target: new LambdaInvoke(flusher, {
          role,
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
          input,
        }),
        description: `Commits what is in the log and not in shard ${shard}`,
      });
    }
    const reason = 'The target grants the function’s versions too; it has none.';
    acknowledge(role, 'DefaultPolicy/Resource', `IAM5[Resource::<${logicalIdOf(flusher)}.Arn>:*]`, reason);
  }
}
