import { aws_cloudwatch as cloudwatch } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { type OwnMetric, ownMetric } from '../alarms/own-metric.ts';
import type { Stage } from '../config/stage.ts';
import type { DataVitals } from '../data-plane/data-plane.ts';
import type { FunctionVitals } from './billing-function.ts';
import type { UsageApi } from './usage-api.ts';

export interface PipelineDashboardProps {
  /** Whose metrics are shown; its name is part of the dashboard's. */
  readonly stage: Stage;
  /** The functions whose errors, throttles and durations are shown. */
  readonly functions: readonly FunctionVitals[];
  /** The cache nodes and shards that are shown; panels without any are left out. */
  readonly data: DataVitals;
  /** The API whose requests and latency are shown. */
  readonly api: UsageApi;
}

interface Panel {
  readonly title: string;
  readonly statistic: 'Maximum' | 'Sum';
  readonly metrics: readonly OwnMetric[];
}

/** The grid of CloudWatch has so many columns. */
const rowWidth = 24;

/** In the order of the question: does it count, is it in time, is anything wrong. */
const panels: readonly Panel[] = [
  {
    title: 'Events a minute',
    statistic: 'Sum',
    metrics: [
      ['ingest', 'EventsAccepted'],
      ['flusher', 'EventsCommitted'],
      ['flusher', 'EventsDuplicate'],
    ],
  },
  {
    title: 'Refused',
    statistic: 'Sum',
    metrics: [
      ['ingest', 'EventsRejected'],
      ['ingest', 'RequestsOverloaded'],
      ['ingest', 'RequestsOverQuota'],
      ['query', 'QueriesOverQuota'],
      ['flusher', 'EventsQuarantined'],
    ],
  },
  {
    title: 'Without a quota, because Redis did not count',
    statistic: 'Sum',
    metrics: [
      ['ingest', 'RequestsUncounted'],
      ['query', 'QueriesUncounted'],
    ],
  },
  { title: 'Oldest in flight (s)', statistic: 'Maximum', metrics: [['flusher', 'OldestInFlight']] },
  { title: 'Behind (records)', statistic: 'Maximum', metrics: [['flusher', 'LagRecords']] },
  {
    title: 'Must be zero',
    statistic: 'Maximum',
    metrics: [
      ['flusher', 'PartitionsHalted'],
      ['flusher', 'PartitionsWaiting'],
      ['flusher', 'LedgerLogDifference'],
    ],
  },
  {
    title: 'Segments',
    statistic: 'Sum',
    metrics: [
      ['consumer', 'SegmentsStored'],
      ['consumer', 'SegmentsDropped'],
      ['consumer', 'SegmentsReplaced'],
    ],
  },
];

/** Where consumer and flusher spend their time, and on how much. */
const loops: readonly Panel[] = [
  {
    title: 'Consumer: time a minute (ms)',
    statistic: 'Sum',
    metrics: [
      ['consumer', 'BatchFoldTime'],
      ['consumer', 'BatchStoreTime'],
    ],
  },
  {
    title: 'Flusher: time a minute, all shards (ms)',
    statistic: 'Sum',
    metrics: [
      ['flusher', 'PassFoldTime'],
      ['flusher', 'PassWaitTime'],
      ['flusher', 'PassCommitTime'],
    ],
  },
  {
    title: 'Records a minute',
    statistic: 'Sum',
    metrics: [
      ['consumer', 'BatchRecords'],
      ['flusher', 'RecordsCommitted'],
    ],
  },
  {
    title: 'Bytes a minute',
    statistic: 'Sum',
    metrics: [
      ['consumer', 'BatchBytes'],
      ['flusher', 'BytesCommitted'],
    ],
  },
];

/** One page that answers "is it well". */
export class PipelineDashboard extends Construct {
  constructor(scope: Construct, id: string, { stage, functions, data, api }: PipelineDashboardProps) {
    super(scope, id);
    const graph = (title: string, left: cloudwatch.IMetric[], width = 8) =>
      new cloudwatch.GraphWidget({ title, left, width, height: 6 });
    const panelGraph = ({ title, statistic, metrics }: Panel, width?: number) =>
      graph(
        title,
        metrics.map((name) => ownMetric(stage, name, statistic)),
        width,
      );
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: `odometer-${stage.name}`,
    });
    dashboard.addWidgets(
      ...panels.map((panel) => panelGraph(panel)),
      graph('API requests', [
        api.api.metricCount(),
        api.api.metricClientError(),
        api.api.metricServerError(),
      ]),
      graph('API latency (ms)', [
        api.api.metricLatency({ statistic: 'p50' }),
        api.api.metricLatency({ statistic: 'p95' }),
      ]),
      graph(
        'Function errors',
        functions.map(({ errors }) => errors),
      ),
      graph(
        'Function throttles',
        functions.map(({ throttles }) => throttles),
      ),
      graph(
        'Function p95 (ms)',
        functions.map(({ durationP95 }) => durationP95),
      ),
      graph(
        'Function invocations',
        functions.map(({ invocations }) => invocations),
      ),
    );
    dashboard.addWidgets(...loops.map((panel) => panelGraph(panel, rowWidth / loops.length)));
    if (data.cache.length > 0)
      dashboard.addWidgets(
        graph(
          'Cache memory (%)',
          data.cache.map(({ memoryPercent }) => memoryPercent),
        ),
      );
    if (data.shards.length > 0)
      dashboard.addWidgets(
        graph(
          'Shard CPU (%)',
          data.shards.map(({ cpuPercent }) => cpuPercent),
        ),
        graph(
          'Shard storage (bytes)',
          data.shards.map(({ storageBytes }) => storageBytes),
        ),
      );
  }
}
