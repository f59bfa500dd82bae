import {
  type aws_cloudwatch as cloudwatch,
  aws_iam as iam,
  aws_kms as kms,
  RemovalPolicy,
  Stack,
  type StackProps,
  aws_sns as sns,
  aws_sns_subscriptions as subscriptions,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { AlarmBook } from '../alarms/alarm-book.ts';
import {
  addApiAlarms,
  addDataAlarms,
  addFunctionAlarms,
  addOwnAlarms,
  addPollerAlarms,
} from '../alarms/pipeline-alarms.ts';
import type { Stage } from '../config/stage.ts';
import type { FunctionVitals } from '../constructs/billing-function.ts';
import { PipelineDashboard } from '../constructs/pipeline-dashboard.ts';
import type { UsageApi } from '../constructs/usage-api.ts';
import type { DataVitals } from '../data-plane/data-plane.ts';

export interface MonitoringStackProps extends StackProps {
  /** Whose metrics are watched, and who gets the alarms. */
  readonly stage: Stage;
  /** The functions that alarms and dashboard watch. */
  readonly functions: readonly FunctionVitals[];
  /** How many event pollers read the log; none where somebody else runs it. */
  readonly pollers: readonly cloudwatch.IMetric[];
  /** The cache nodes and shards that alarms and dashboard watch. */
  readonly data: DataVitals;
  /** The API that alarms and dashboard watch. */
  readonly api: UsageApi;
}

/** The alarms, who gets them, and the dashboard. */
export class MonitoringStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { stage, functions, pollers, data, api, ...props }: MonitoringStackProps,
  ) {
    super(scope, id, props);
    const book = new AlarmBook(this, 'Alarms', this.#topic(stage));
    addOwnAlarms(book, stage, functions);
    addFunctionAlarms(book, functions);
    addApiAlarms(book, api);
    addPollerAlarms(book, pollers);
    addDataAlarms(book, data);
    new PipelineDashboard(this, 'Pipeline', { stage, functions, data, api });
  }

  #topic({ alarmEmails }: Stage): sns.Topic {
    const key = new kms.Key(this, 'TopicKey', {
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // CloudWatch publishes into an encrypted topic only where the key lets it.
    key.grantEncryptDecrypt(new iam.ServicePrincipal('cloudwatch.amazonaws.com'));
    const topic = new sns.Topic(this, 'Topic', { masterKey: key, enforceSSL: true });
    for (const address of alarmEmails) topic.addSubscription(new subscriptions.EmailSubscription(address));
    return topic;
  }
}
