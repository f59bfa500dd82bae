import { Duration, aws_iam as iam, type aws_lambda as lambda } from 'aws-cdk-lib';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { acknowledge, logicalIdOf } from '../checks/acknowledge.ts';

/** One invocation of every minute. */
interface MinuteTick {
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly description: string;
}

/** Starts a function every minute, once for each tick. A tick that fails is not repeated: the next one is near. */
export class MinuteSchedule extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { fn, ticks }: { readonly fn: lambda.Function; readonly ticks: readonly MinuteTick[] },
  ) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com'),
    });
    for (const { id: tick, input, description } of ticks) {
      new Schedule(this, tick, {
        schedule: ScheduleExpression.rate(Duration.minutes(1)),
        timeWindow: TimeWindow.off(),
        target: new LambdaInvoke(fn, {
          role,
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
          input: ScheduleTargetInput.fromObject(input),
        }),
        description,
      });
    }
    const reason = 'The target grants the function’s versions too; it has none.';
    acknowledge(role, 'DefaultPolicy/Resource', `IAM5[Resource::<${logicalIdOf(fn)}.Arn>:*]`, reason);
  }
}
