/** The dashboard of the pipeline: every figure of the contract has exactly one panel, or it does not compile. */
import { VizLegendOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { type PipelineFigure, pipelineFigures } from '../../shared/contracts/metrics.ts';

type Row = 'Is anything wrong?' | 'How much' | 'How far behind';

interface PanelPlan {
  readonly row: Row;
  readonly title: string;
  /** One number, or a line for each label value over time. */
  readonly as: 'number' | 'lines';
}

const rows: readonly Row[] = ['Is anything wrong?', 'How much', 'How far behind'];

const plans: Readonly<Record<PipelineFigure, PanelPlan>> = {
  source_up: { row: 'Is anything wrong?', title: 'Sources that answer', as: 'lines' },
  halted_partitions: { row: 'Is anything wrong?', title: 'Halted partitions', as: 'number' },
  ledger_log_difference: { row: 'Is anything wrong?', title: 'Ledger and log differ', as: 'number' },
  quarantined: { row: 'Is anything wrong?', title: 'Quarantined', as: 'lines' },
  conflicts: { row: 'Is anything wrong?', title: 'Conflicts', as: 'lines' },
  events_per_second: { row: 'How much', title: 'Events a second', as: 'lines' },
  events_per_minute: { row: 'How much', title: 'Events in the last minute', as: 'number' },
  duplicates: { row: 'How much', title: 'Duplicates', as: 'lines' },
  write_reduction: { row: 'How much', title: 'Write reduction', as: 'lines' },
  cache_hit_rate: { row: 'How much', title: 'Cache hit rate', as: 'number' },
  shard_distribution: { row: 'How much', title: 'Share of the shards', as: 'lines' },
  oldest_in_flight_seconds: { row: 'How far behind', title: 'Oldest in flight', as: 'lines' },
  in_flight_records: { row: 'How far behind', title: 'In flight', as: 'lines' },
  lag_records: { row: 'How far behind', title: 'Lag of the partitions', as: 'lines' },
  waiting_segments: { row: 'How far behind', title: 'Segments waiting in Redis', as: 'lines' },
};

/** Units of the contract as Grafana calls them; what is not here is a plain number. */
const grafanaUnits: Readonly<Record<string, string>> = {
  'events/s': 'eps',
  percent: 'percent',
  ratio: 'percentunit',
  seconds: 's',
};
const panelHeight = 7;
const panelWidth = 8;
const datasource = { type: 'prometheus', uid: 'prometheus' };

/** The dashboard as the file holds it. */
export function pipelineDashboardText(): string {
  const dashboard = new DashboardBuilder('Odometer: pipeline')
    .uid('odometer-pipeline')
    .description('Built by npm run dashboards from shared/contracts/metrics.ts.')
    .tags(['odometer'])
    .refresh('15s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('utc')
    .readonly();
  // The keys of `plans` are the type's members.
  const figures = Object.keys(plans) as PipelineFigure[];
  for (const row of rows) {
    dashboard.withRow(new RowBuilder(row));
    for (const figure of figures.filter((name) => plans[name].row === row)) {
      dashboard.withPanel(panelOf(figure));
    }
  }
  return `${JSON.stringify(dashboard.build(), null, 2)}\n`;
}

function panelOf(figure: PipelineFigure): StatBuilder | TimeseriesBuilder {
  const { title, as } = plans[figure];
  const definition = pipelineFigures[figure];
  const labels = 'labels' in definition ? definition.labels : [];
  const legend = labels.length === 0 ? title : labels.map((label) => `${label} {{${label}}}`).join(', ');
  const query = new DataqueryBuilder()
    .refId('A')
    .expr(`odometer_${figure}`)
    .legendFormat(legend)
    .datasource(datasource);
  const lines = new TimeseriesBuilder().legend(new VizLegendOptionsBuilder().showLegend(labels.length > 0));
  return (as === 'number' ? new StatBuilder() : lines)
    .title(title)
    .description(definition.meaning)
    .datasource(datasource)
    .unit(grafanaUnits[definition.unit] ?? 'short')
    .height(panelHeight)
    .span(panelWidth)
    .withTarget(query);
}
