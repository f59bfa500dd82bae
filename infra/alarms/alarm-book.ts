import { aws_cloudwatch as cloudwatch, type aws_sns as sns } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Construct } from 'constructs';
import type { RunbookSection } from './runbook.ts';

export interface AlarmEntry {
  readonly id: string;
  readonly section: RunbookSection;
  /** What is the case when it rings, in one sentence. */
  readonly says: string;
  readonly metric: cloudwatch.IMetric;
  /** It rings above this value. */
  readonly above: number;
  /** So many periods of the metric in a row; one where a single occurrence is too many. */
  readonly periods: number;
  /** What silence means; by default that nothing happened. */
  readonly silence?: cloudwatch.TreatMissingData;
}

/** Alarms, each with the section of the runbook that says what to do. */
export class AlarmBook extends Construct {
  readonly #action: SnsAction;

  constructor(scope: Construct, id: string, topic: sns.ITopic) {
    super(scope, id);
    this.#action = new SnsAction(topic);
  }

  add({ id, section, says, metric, above, periods, silence }: AlarmEntry): void {
    const alarm = new cloudwatch.Alarm(this, id, {
      metric,
      threshold: above,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: silence ?? cloudwatch.TreatMissingData.NOT_BREACHING,
      alarmDescription: `${says} What to do: infra/RUNBOOK.md#${section}`,
    });
    alarm.addAlarmAction(this.#action);
    alarm.addOkAction(this.#action);
  }
}
